// {{function}}: a function on Fn's FDK for Go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	fdk "github.com/fnproject/fdk-go"
)

const version = "{{version}}"

func main() {
	fdk.Handle(fdk.HandlerFunc(hello))
}

// hello greets the name in the JSON body {"name": …} or, over an http trigger, in the query ?name=….
func hello(ctx context.Context, in io.Reader, out io.Writer) {
	input := struct {
		Name string `json:"name"`
	}{Name: queryName(ctx)}
	// A body that is absent or no JSON leaves the name as it is.
	_ = json.NewDecoder(in).Decode(&input)
	if input.Name == "" {
		input.Name = "World"
	}

	fdk.SetHeader(out, "Content-Type", "application/json")
	_ = json.NewEncoder(out).Encode(map[string]string{
		"message": fmt.Sprintf("Hello %s from {{function}} %s", input.Name, version),
	})
}

func queryName(ctx context.Context) string {
	call, overHTTP := fdk.GetContext(ctx).(fdk.HTTPContext)
	if !overHTTP {
		return ""
	}
	address, err := url.Parse(call.RequestURL())
	if err != nil {
		return ""
	}
	return address.Query().Get("name")
}
