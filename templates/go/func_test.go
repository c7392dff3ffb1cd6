package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHello(t *testing.T) {
	for body, want := range map[string]string{
		`{"name": "Ada"}`: "Hello Ada from {{function}} " + version,
		"":                "Hello World from {{function}} " + version,
		"not JSON":        "Hello World from {{function}} " + version,
	} {
		reply := httptest.NewRecorder()
		hello(reply, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		if !strings.Contains(reply.Body.String(), want) {
			t.Errorf("%q: got %s, want %s", body, reply.Body, want)
		}
	}
}

func TestNext(t *testing.T) {
	price := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch pin := r.Header.Get("Fnmesh-Version"); pin {
		case "v8":
			http.Error(w, "sold out", http.StatusNotFound)
		case "v9":
			_, _ = w.Write([]byte("no JSON"))
		default:
			_, _ = w.Write([]byte(`"price ` + pin + `"`))
		}
	}))
	defer price.Close()
	t.Setenv("NEXT", price.URL)

	for pin, want := range map[string]struct {
		status int
		text   string
	}{
		"":   {200, `"next":"price "`},
		"v2": {200, `"next":"price v2"`},
		"v8": {502, "answered 404 Not Found"},
		"v9": {502, "answered no JSON"},
	} {
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("Fnmesh-Version", pin)
		reply := httptest.NewRecorder()
		hello(reply, request)
		if reply.Code != want.status || !strings.Contains(reply.Body.String(), want.text) {
			t.Errorf("pinned to %q: got %d %s, want %d %s", pin, reply.Code, reply.Body, want.status, want.text)
		}
	}
}
