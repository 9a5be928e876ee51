// Package geministub is a stand-in for the Gemini API (generativelanguage.googleapis.com, v1beta) for tests and for a person who
// points AI_BASE_URL at it. It speaks the wire protocol of generateContent and streamGenerateContent in hand-written JSON: a type
// shared with the client library would hide the same mistake from every test.
//
// It answers what a script says and nothing else. It refuses what Gemini refuses (keys, models, the request rules of Gemini 3.6 and
// later), misbehaves when the script asks for it (errors, cut and broken JSON, blocked prompts, slow and torn connections), records
// every request, and lists in Problems whatever a script or a client got wrong. It does not think up answers, run tools, count
// tokens exactly or check keys with anybody, and it listens on 127.0.0.1 only.
package geministub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

// Config is how a Server starts. The zero value listens on a free port, knows the models of November 2026 and accepts one random key.
type Config struct {
	Addr           string           // host:port on 127.0.0.1; "" means a free port
	PathPrefix     string           // what stands before /v1beta, such as "/proxy/gemini"; "" means nothing
	APIKey         string           // the one key that is accepted; "" makes up a random one
	Models         map[string]Model // models that exist; nil means DefaultModels
	StrictSampling bool             // answer 400 to temperature, topP and topK where a model ignores them, as announced for later models
	Now            func() time.Time // clock of the recorded times; nil means time.Now
}

// Server is a running stand-in. Its methods may be called from several goroutines.
type Server struct {
	cfg      Config
	url      string
	web      *http.Server
	served   chan struct{} // closed when the listener's goroutine has ended
	handlers sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	next     []Reply
	rules    []*rule
	reroutes map[string]string
	calls    []Call
	problems []string
	changed  chan struct{} // closed and replaced whenever calls change
}

// Start listens and serves until Close. It refuses any address that is not on 127.0.0.1.
func Start(cfg Config) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:0"
	}
	if host, _, err := net.SplitHostPort(cfg.Addr); err != nil || host != "127.0.0.1" {
		return nil, fmt.Errorf("address %q: the stand-in for Gemini listens on 127.0.0.1:PORT only", cfg.Addr)
	}
	if cfg.APIKey == "" {
		cfg.APIKey = "stub-" + rand.Text()
	}
	if cfg.Models == nil {
		cfg.Models = DefaultModels()
	}
	cfg.Models = maps.Clone(cfg.Models) // scripts add to it
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	lis, err := net.Listen("tcp4", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the stand-in for Gemini: %w", err)
	}
	s := &Server{
		cfg:      cfg,
		url:      "http://" + lis.Addr().String() + cfg.PathPrefix,
		served:   make(chan struct{}),
		reroutes: map[string]string{},
		changed:  make(chan struct{}),
	}
	s.web = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go s.listen(lis)
	return s, nil
}

func (s *Server) listen(lis net.Listener) {
	defer close(s.served)
	if err := s.web.Serve(lis); !errors.Is(err, http.ErrServerClosed) {
		s.problem("the listener ended: %v", err)
	}
}

// URL is the base URL for a client: HTTPOptions.BaseURL of the Go SDK, AI_BASE_URL of Countersign.
func (s *Server) URL() string { return s.url }

// APIKey is the only key the server accepts.
func (s *Server) APIKey() string { return s.cfg.APIKey }

// Close cuts every connection, also those that a script left hanging, and returns when all goroutines have ended.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.web.Close() // ends the contexts of slow and hanging answers too
	<-s.served
	s.handlers.Wait()
	return err
}

// enter counts a handler in, so that Close can wait for it; false means the server is closing.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.handlers.Add(1)
	return true
}
