// Fn's contract for function containers, on the standard library: serve runs an http.Handler under it.
//
// Fn starts the program, waits for the socket named by FN_LISTENER to appear and sends each call as
// POST /call. A call that came over an http trigger carries the caller's request in Fn-Http-* headers.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const prefix = "Fn-Http-H-"

// serve runs until SIGTERM or SIGINT, then lets the running call end. Without FN_LISTENER, as with a plain
// `go run .`, it serves ordinary HTTP on 127.0.0.1:$PORT (8081).
func serve(handler http.Handler) {
	listener, fromFn, err := listen(os.Getenv("FN_LISTENER"))
	if err != nil {
		log.Fatal(err)
	}
	if fromFn {
		handler = adapt(handler)
	}
	server := &http.Server{Handler: handler}

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	stopped := make(chan struct{})
	go func() {
		<-stop
		_ = server.Shutdown(context.Background())
		close(stopped)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-stopped
}

func listen(address string) (listener net.Listener, fromFn bool, err error) {
	if address == "" {
		port := os.Getenv("PORT")
		if port == "" {
			port = "8081"
		}
		listener, err = net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			log.Printf("no FN_LISTENER, so plain HTTP: http://%s", listener.Addr())
		}
		return listener, false, err
	}

	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return nil, true, fmt.Errorf("FN_LISTENER must be unix:PATH, not %q", address)
	}
	if format := os.Getenv("FN_FORMAT"); format != "" && format != "http-stream" {
		return nil, true, fmt.Errorf("FN_FORMAT must be http-stream, not %q", format)
	}
	// The socket gets its public name only when it is ready: Fn watches for that name.
	private := filepath.Join(filepath.Dir(path), "phonylsnr.sock")
	_ = os.Remove(path)
	_ = os.Remove(private)
	if listener, err = net.Listen("unix", private); err != nil {
		return nil, true, err
	}
	if err = os.Chmod(private, 0o666); err != nil {
		return nil, true, err
	}
	return listener, true, os.Symlink(filepath.Base(private), path)
}

// adapt turns calls into the requests they came from, and replies into what Fn expects.
func adapt(handler http.Handler) http.Handler {
	frameName, frameHeader := os.Getenv("FN_LOGFRAME_NAME"), os.Getenv("FN_LOGFRAME_HDR")
	return http.HandlerFunc(func(w http.ResponseWriter, call *http.Request) {
		if id := call.Header.Get(frameHeader); frameName != "" && frameHeader != "" && id != "" {
			fmt.Fprintf(os.Stdout, "\n%s=%s\n", frameName, id)
			fmt.Fprintf(os.Stderr, "\n%s=%s\n", frameName, id)
		}
		ctx := call.Context()
		if deadline, err := time.Parse(time.RFC3339, call.Header.Get("Fn-Deadline")); err == nil {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline)
			defer cancel()
		}

		request := call.WithContext(ctx)
		overHTTP := call.Header.Get("Fn-Intent") == "httprequest"
		if overHTTP {
			request = original(request)
		}
		answer := &reply{to: w, header: http.Header{}, overHTTP: overHTTP}
		defer func() {
			if fault := recover(); fault != nil {
				log.Printf("panic: %v\n%s", fault, debug.Stack())
				if answer.started {
					panic(http.ErrAbortHandler)
				}
				// 502 is how Fn is told that the function failed.
				http.Error(w, "function failed", http.StatusBadGateway)
			}
		}()
		handler.ServeHTTP(answer, request)
		if !answer.started {
			answer.WriteHeader(http.StatusOK)
		}
	})
}

// original is the caller's request, out of the headers of the call.
func original(call *http.Request) *http.Request {
	request := *call
	request.Method = call.Header.Get("Fn-Http-Method")
	request.Header = http.Header{}
	for name, values := range call.Header {
		switch {
		case strings.HasPrefix(name, prefix):
			request.Header[http.CanonicalHeaderKey(name[len(prefix):])] = values
		case name == "Content-Type", name == "Fn-Call-Id":
			request.Header[name] = values
		}
	}
	if full, err := url.Parse(call.Header.Get("Fn-Http-Request-Url")); err == nil {
		request.Host = full.Host
		request.RequestURI = full.RequestURI()
		request.URL = &url.URL{Path: full.Path, RawPath: full.RawPath, RawQuery: full.RawQuery}
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
		request.Header.Del("Host")
	}
	return &request
}

// reply writes the handler's status and headers as Fn's: it answers 200 itself and passes them on.
type reply struct {
	to       http.ResponseWriter
	header   http.Header
	overHTTP bool
	started  bool
}

func (r *reply) Header() http.Header { return r.header }

func (r *reply) WriteHeader(status int) {
	// An informational status is no reply yet, and Fn has none.
	if r.started || status < 200 {
		return
	}
	r.started = true
	for name, values := range r.header {
		switch {
		case name == "Content-Length":
			// The call's own length is counted anew.
		case r.overHTTP && name != "Content-Type":
			r.to.Header()[prefix+name] = values
		default:
			r.to.Header()[name] = values
		}
	}
	if r.overHTTP {
		r.to.Header().Set("Fn-Http-Status", strconv.Itoa(status))
	}
	r.to.WriteHeader(http.StatusOK)
}

func (r *reply) Write(body []byte) (int, error) {
	if !r.started {
		r.WriteHeader(http.StatusOK)
	}
	return r.to.Write(body)
}
