package redact

import (
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"time"
)

// Default limits. A container's log line is at most 16 KiB before the runtime
// splits it.
const (
	DefaultMaxLine  = 64 << 10
	DefaultMaxTotal = 8 << 20
	DefaultBudget   = 5 * time.Second
)

// maxRounds bounds how often a text is looked at until nothing more is found.
const maxRounds = 6

// Config shapes a Redactor. The zero value is safe: a random key, the default
// limits, no known addresses.
type Config struct {
	// Key is the HMAC key of the pseudonyms. Nil means random for this run.
	Key []byte
	// Scope, an incident's id, is mixed into every pseudonym, so that two
	// incidents cannot be joined on one.
	Scope string
	// Known names the object behind an address or host of the cluster: one of
	// svc, pod, node, endpoint, ingress or host, a blank, and a Kubernetes name,
	// for example "svc shop/cache". Another form is not used. It may be called
	// concurrently and is asked in plain text only.
	Known func(addr string) (name string, ok bool)
	// MaxLine and MaxTotal are bytes; what is longer is withheld. They only
	// narrow the defaults.
	MaxLine, MaxTotal int
	// Budget is the time one call may take before its text is withheld.
	Budget time.Duration
}

// Redactor redacts text. It is safe for concurrent use. The zero value, which
// knows no patterns, withholds everything.
type Redactor struct {
	e                 *engine
	key               []byte // nil: placeholders carry no digits
	scope             string
	known             func(string) (string, bool)
	maxLine, maxTotal int
	budget            time.Duration // 0 means none
	now               func() time.Time
	counts            *counts // nil: not counted
}

type counts struct {
	mu sync.Mutex
	n  map[string]int
}

// New makes a Redactor.
func New(cfg Config) *Redactor {
	r := &Redactor{
		e:        builtin(),
		key:      cfg.Key,
		scope:    cfg.Scope,
		known:    cfg.Known,
		maxLine:  atMost(cfg.MaxLine, DefaultMaxLine),
		maxTotal: atMost(cfg.MaxTotal, DefaultMaxTotal),
		budget:   cfg.Budget,
		now:      time.Now,
		counts:   &counts{n: map[string]int{}},
	}
	if r.budget <= 0 {
		r.budget = DefaultBudget
	}
	if len(r.key) == 0 {
		r.key = make([]byte, 32)
		_, _ = rand.Read(r.key) // never fails: it aborts the program instead
	}
	return r
}

func atMost(n, limit int) int {
	if n <= 0 || n > limit {
		return limit
	}
	return max(n, 256)
}

// settle redacts with the built-in patterns alone: no key, no time budget, so
// that decoding the same bytes always gives the same text.
func settle(s string) Text {
	r := Redactor{e: builtin(), maxLine: DefaultMaxLine, maxTotal: DefaultMaxTotal, now: time.Now}
	return r.Redact(s)
}

// WithScope returns a Redactor that differs only in the scope of its
// pseudonyms and shares the counts.
func (r *Redactor) WithScope(scope string) *Redactor {
	c := *r
	c.scope = scope
	return &c
}

// Redact makes s safe to leave the process. What could not be looked at in
// time or without an error is withheld.
func (r *Redactor) Redact(s string) (t Text) {
	defer func() {
		if recover() != nil {
			r.count("withheld")
			t = Text{withheldError}
		}
	}()
	var deadline time.Time
	if r.budget > 0 {
		deadline = r.now().Add(r.budget)
	}
	for range maxRounds {
		next, late := r.round(s, deadline)
		if late {
			r.count("withheld")
			return Text{withheldBudget}
		}
		if next == s {
			return Text{s}
		}
		s = next
	}
	r.count("withheld")
	return Text{withheldError}
}

// round cleans, cuts and looks once. A text that comes back as it went in is
// settled.
func (r *Redactor) round(s string, deadline time.Time) (string, bool) {
	s = r.limit(r.e.clean(s))
	p := pass{e: r.e, s: s, known: r.known, now: r.now, deadline: deadline}
	spans := p.find()
	if p.late || len(spans) == 0 {
		return s, p.late
	}
	var b strings.Builder
	b.Grow(len(s) + 16*len(spans))
	at := 0
	for _, sp := range spans {
		b.WriteString(s[at:sp.start])
		b.WriteString(sp.quote)
		if sp.object != "" {
			b.WriteString(openMark + sp.object + closeMark)
		} else {
			b.WriteString(r.pseudonym(sp.kind, s[sp.start:sp.end]))
		}
		b.WriteString(sp.quote)
		at = sp.end
		r.count(sp.kind)
	}
	b.WriteString(s[at:])
	return b.String(), false
}

// limit withholds over-long lines whole, and what exceeds the total.
func (r *Redactor) limit(s string) string {
	if len(s) > r.maxTotal {
		cut := strings.LastIndexByte(s[:r.maxTotal-len(withheldTotal)-1], '\n')
		r.count("withheld")
		s = s[:cut+1] + withheldTotal
	}
	if len(s) <= r.maxLine {
		return s
	}
	long := false
	for line := range strings.SplitSeq(s, "\n") {
		long = long || len(line) > r.maxLine
	}
	if !long {
		return s
	}
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if len(line) > r.maxLine {
			lines[i] = withheldLine
			r.count("withheld")
		}
	}
	return strings.Join(lines, "\n")
}

func (r *Redactor) count(kind string) {
	if r == nil || r.counts == nil {
		return
	}
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	r.counts.n[kind]++
}

// Report counts what was hidden so far, by kind. It is a copy.
func (r *Redactor) Report() map[string]int {
	if r.counts == nil {
		return nil
	}
	r.counts.mu.Lock()
	defer r.counts.mu.Unlock()
	return maps.Clone(r.counts.n)
}

// Lines redacts raw as one piece, so that secrets over several lines are seen,
// and returns its last maxLines lines, or all of them for maxLines <= 0.
func (r *Redactor) Lines(raw []byte, maxLines int) []Text {
	lines := r.Redact(string(raw)).Lines()
	if maxLines > 0 && len(lines) > maxLines {
		lines = lines[len(lines)-maxLines:]
	}
	return lines
}
