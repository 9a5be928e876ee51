package bench_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// tap is a wire between countersign and the API server: it notes what is listed
// and can answer some requests itself.
type tap struct {
	server *httptest.Server
	mu     sync.Mutex
	uris   []string
	// answer takes a request over; false lets it through.
	answer func(http.ResponseWriter, *http.Request) bool
}

func newTap(upstream *rest.Config, answer func(http.ResponseWriter, *http.Request) bool) (*tap, error) {
	anonymous := rest.AnonymousClientConfig(upstream)
	transport, err := rest.TransportFor(anonymous)
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	to, err := url.Parse(upstream.Host)
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }, Transport: transport, FlushInterval: -1,
		// Whose watch it was has gone.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	t := &tap{answer: answer}
	t.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.note(r)
		if t.answer == nil || !t.answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.server.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that end while they are made
	t.server.EnableHTTP2 = true
	t.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	t.server.StartTLS()
	return t, nil
}

// note keeps the first page of each list that was asked for.
func (t *tap) note(r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || !q.Has("limit") || q.Has("continue") || q.Get("limit") == "1" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uris = append(t.uris, r.URL.RequestURI())
}

func (t *tap) lists() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.uris)
}

func (t *tap) close() {
	t.server.CloseClientConnections()
	t.server.Close()
}

// kubeconfig is a copy of another that leads through the tap.
func (t *tap) kubeconfig(from, to string) error {
	conn, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	for _, c := range conn.Clusters {
		c.Server, c.CertificateAuthority, c.TLSServerName = t.server.URL, "", ""
		c.CertificateAuthorityData = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: t.server.Certificate().Raw})
	}
	return clientcmd.WriteToFile(*conn, to)
}

// listsOfScan are what a scan asks for, in its order: the baseline asks for the
// same.
func (s *scaled) listsOfScan() []string {
	s.Helper()
	t, err := newTap(s.admin, nil)
	if err != nil {
		s.Fatal(err)
	}
	defer t.close()
	dir := s.TempDir()
	config := filepath.Join(dir, "tap.kubeconfig")
	token, err := s.adminToken(context.WithoutCancel(s.ctx), dir)
	if err != nil {
		s.Fatal(err)
	}
	if err := t.kubeconfig(token, config); err != nil {
		s.Fatal(err)
	}
	cmd := s.command("scan", "-A")
	cmd.Env = append(cmd.Env, "KUBECONFIG="+config)
	c, err := run(cmd)
	if err != nil || c.code != 0 {
		s.Fatalf("scan through the tap: %v, exit code %d\n%s%s", err, c.code, c.out[:min(len(c.out), 3000)], c.said)
	}
	uris := t.lists()
	if len(uris) < 10 || !slices.ContainsFunc(uris, func(u string) bool { return strings.Contains(u, "/pods?") }) {
		s.Fatalf("a scan asked for %d lists only: %q", len(uris), uris)
	}
	return uris
}
