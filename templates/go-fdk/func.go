// {{function}}: a function on Fn's FDK for Go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	fdk "github.com/fnproject/fdk-go"
)

const version = "{{version}}"

func main() {
	fdk.Handle(fdk.HandlerFunc(hello))
}

// hello greets the name in the JSON body {"name": …} or, over an http trigger, in the query ?name=…. Where config
// says NEXT, it asks the function there too, and gives that answer along.
func hello(ctx context.Context, in io.Reader, out io.Writer) {
	input := struct {
		Name string `json:"name"`
	}{Name: queryName(ctx)}
	// A body that is absent or no JSON leaves the name as it is.
	_ = json.NewDecoder(in).Decode(&input)
	if input.Name == "" {
		input.Name = "World"
	}

	answer := map[string]any{
		"message": fmt.Sprintf("Hello %s from {{function}} %s", input.Name, version),
	}
	fdk.SetHeader(out, "Content-Type", "application/json")
	if next := os.Getenv("NEXT"); next != "" {
		var err error
		if answer["next"], err = ask(ctx, next); err != nil {
			fdk.WriteStatus(out, http.StatusBadGateway)
			answer = map[string]any{"message": err.Error()}
		}
	}
	_ = json.NewEncoder(out).Encode(answer)
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

// ask calls another function. Fnmesh-Version goes along, so that what is pinned to v2 here is pinned to v2 there.
func ask(ctx context.Context, address string) (answer any, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	if pin := fdk.GetContext(ctx).Header().Get("Fnmesh-Version"); pin != "" {
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
