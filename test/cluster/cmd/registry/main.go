// Command registry is the image registry of a test cluster: it stands in for
// every registry whose name the cluster's containerd sends here, and answers
// for an image it does not have as the real one would. Hosts named private.…
// ask for credentials and hosts named limited.… answer 429, whatever is asked.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:5000", "where to listen")
	flag.Parse()
	server := &http.Server{Addr: *address, Handler: answer(registry.New()), ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

// answer puts the two awkward registries in front of the plain one. containerd
// tells a mirror in "ns" which registry it asks for.
func answer(plain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch ns := r.URL.Query().Get("ns"); {
		case strings.HasPrefix(ns, "private."):
			w.Header().Set("WWW-Authenticate", `Basic realm="`+ns+`"`)
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		case strings.HasPrefix(ns, "limited."):
			w.Header().Set("Retry-After", "60")
			refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit")
		default:
			plain.ServeHTTP(w, r)
		}
	})
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}
