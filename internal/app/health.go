package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// readiness collects what each part says of itself.
type readiness struct {
	mu    sync.Mutex
	parts map[string]func() error
}

func (r *readiness) add(name string, check func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil {
		r.parts = map[string]func() error{}
	}
	r.parts[name] = check
}

// failing lists the parts that are not ready, sorted.
func (r *readiness) failing() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for name, check := range r.parts {
		if err := check(); err != nil {
			out = append(out, name+": "+err.Error())
		}
	}
	sort.Strings(out)
	return out
}

// serveHealth answers /healthz while the process lives and /readyz when every
// part is ready. Port 0 turns it off.
func serveHealth(ctx context.Context, group *errgroup.Group, s Settings, ready *readiness) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if failing := ready.failing(); len(failing) > 0 {
			http.Error(w, strings.Join(failing, "\n"), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return serveHTTP(ctx, group, "HEALTH_PORT", s.HealthPort, mux)
}

// serveHTTP serves handler on port in group until ctx ends. Port 0 turns it off;
// errors name the setting.
func serveHTTP(ctx context.Context, group *errgroup.Group, setting string, port int, handler http.Handler) error {
	if port == 0 {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return fmt.Errorf("%s: %w", setting, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second}
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s: %w", setting, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return server.Shutdown(last)
	})
	return nil
}
