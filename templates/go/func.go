// {{function}}: an ordinary http.Handler. fn.go connects it to Fn.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

const version = "{{version}}"

func main() {
	serve(http.HandlerFunc(hello))
}

// hello greets the name in the JSON body {"name": …} or in the query ?name=…. Where config says NEXT, it asks the
// function there too, and gives that answer along.
func hello(w http.ResponseWriter, r *http.Request) {
	input := struct {
		Name string `json:"name"`
	}{Name: r.URL.Query().Get("name")}
	// A body that is absent or no JSON leaves the name as it is.
	_ = json.NewDecoder(r.Body).Decode(&input)
	if input.Name == "" {
		input.Name = "World"
	}

	answer := map[string]any{
		"message": fmt.Sprintf("Hello %s from {{function}} %s", input.Name, version),
	}
	w.Header().Set("Content-Type", "application/json")
	if next := os.Getenv("NEXT"); next != "" {
		var err error
		if answer["next"], err = ask(next, r); err != nil {
			w.WriteHeader(http.StatusBadGateway)
			answer = map[string]any{"message": err.Error()}
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// ask calls another function. Fnmesh-Version goes along, so that what is pinned to v2 here is pinned to v2 there.
func ask(address string, caller *http.Request) (answer any, err error) {
	ctx, cancel := context.WithTimeout(caller.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if pin := caller.Header.Get("Fnmesh-Version"); pin != "" {
		request.Header.Set("Fnmesh-Version", pin)
	}
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, reply.Status)
	}
	if err = json.NewDecoder(reply.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s answered no JSON: %w", address, err)
	}
	return answer, nil
}
