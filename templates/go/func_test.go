package main

import (
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
