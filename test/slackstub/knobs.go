package slackstub

import (
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// FaultMode says how an HTTP call goes wrong.
type FaultMode string

// The ways an HTTP call goes wrong.
const (
	FaultStatus   FaultMode = "status"   // Status and Body instead of an answer; not applied
	FaultDelay    FaultMode = "delay"    // applied, answered after Delay
	FaultTruncate FaultMode = "truncate" // applied, half of the JSON, then cut
	FaultReset    FaultMode = "reset"    // not applied, connection reset
	FaultLost     FaultMode = "lost"     // applied, then reset without an answer
)

// HTTPFault spoils the next N calls of Method ("" is every method).
type HTTPFault struct {
	Method string
	N      int
	Mode   FaultMode
	Status int
	Body   string
	Delay  time.Duration
}

func (f HTTPFault) name() string  { return "http." + string(f.Mode) }
func (f HTTPFault) applied() bool { return f.Mode != FaultStatus && f.Mode != FaultReset }

type counted struct {
	n     int
	code  string
	after time.Duration
}

// knobs is guarded by the server's lock.
type knobs struct {
	uses    map[string]int
	limits  map[string]*counted
	errors  map[string]*counted
	faults  []*HTTPFault
	counts  map[string]int
	delays  map[string]*counted // by envelope type
	swaps   map[string]int
	acks    map[string]int
	dups    []*Duplication
	mangles []string
	held    *envelope
}

func (k *knobs) init() {
	*k = knobs{uses: map[string]int{}, limits: map[string]*counted{}, errors: map[string]*counted{}, counts: map[string]int{},
		delays: map[string]*counted{}, swaps: map[string]int{}, acks: map[string]int{}}
}

// spendN uses one of a plain counter.
func (k *knobs) spendN(name string) bool {
	if k.counts[name] == 0 {
		return false
	}
	k.counts[name]--
	k.uses[name]++
	return true
}

// KnobUses tells how often each knob took effect.
func (s *Server) KnobUses() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.knobs.uses)
}

// ResetKnobs takes back every knob that has not been used up.
func (s *Server) ResetKnobs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	uses, held := s.knobs.uses, s.knobs.held
	s.knobs.init()
	s.knobs.uses, s.knobs.held = uses, held
}

// RateLimit answers the next n calls of a method with 429.
func (s *Server) RateLimit(method string, n int, retryAfter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.limits[method] = &counted{n: n, after: max(retryAfter, time.Second)}
}

func (s *Server) knobLimited(method string) time.Duration {
	l := s.knobs.limits[method]
	if l == nil || l.n == 0 {
		return 0
	}
	l.n--
	s.knobs.uses["ratelimit"]++
	return l.after
}

// APIError answers the next n calls of a method with ok:false and a code.
// A negative n lasts until ResetKnobs.
func (s *Server) APIError(method string, n int, code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.errors[method] = &counted{n: n, code: code}
}

func (s *Server) knobError(method string) string {
	e := s.knobs.errors[method]
	if e == nil || e.n == 0 {
		return ""
	}
	e.n--
	s.knobs.uses["apiError"]++
	return e.code
}

// FaultHTTP spoils calls; see HTTPFault.
func (s *Server) FaultHTTP(f HTTPFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.faults = append(s.knobs.faults, &f)
}

func (s *Server) takeFault(method string) *HTTPFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.knobs.faults {
		if f.N > 0 && (f.Method == "" || f.Method == method) {
			f.N--
			s.knobs.uses[f.name()]++
			taken := *f
			return &taken
		}
	}
	return nil
}

// spoil answers a call the way its fault wants. done logs the call first, with
// the status the client will see, 0 for none.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, f HTTPFault, a answer, done func(status int)) {
	switch f.Mode {
	case FaultStatus:
		if f.Status == 0 {
			f.Status = http.StatusInternalServerError
		}
		done(f.Status)
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body))
	case FaultDelay:
		fired := make(chan struct{})
		stop := s.clock.AfterFunc(f.Delay, func() { close(fired) })
		defer stop()
		select {
		case <-fired:
		case <-r.Context().Done():
		}
		done(a.status)
		s.write(w, a)
	case FaultTruncate:
		done(a.status)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush()
		reset(w)
	default:
		done(0)
		reset(w)
	}
}

// abort closes with RST instead of FIN. A connection that is gone already is
// as good as aborted, so errors do not count.
func abort(nc net.Conn) {
	if tc, ok := nc.(*net.TCPConn); ok {
		_ = tc.SetLinger(0)
	}
	_ = nc.Close()
}

// reset cuts the HTTP connection with RST.
func reset(w http.ResponseWriter) {
	nc, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's own way to cut without an answer
	}
	abort(nc)
}
