// {{function}}: an ordinary http.Handler. fn.go connects it to Fn.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const version = "{{version}}"

func main() {
	serve(http.HandlerFunc(hello))
}

// hello greets the name in the JSON body {"name": …} or in the query ?name=….
func hello(w http.ResponseWriter, r *http.Request) {
	input := struct {
		Name string `json:"name"`
	}{Name: r.URL.Query().Get("name")}
	// A body that is absent or no JSON leaves the name as it is.
	_ = json.NewDecoder(r.Body).Decode(&input)
	if input.Name == "" {
		input.Name = "World"
	}

	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"message": fmt.Sprintf("Hello %s from {{function}} %s", input.Name, version),
	})
}
