package llm

import (
	"crypto/sha256"
	"sync"
	"time"
)

// memory is how long calls and answers are remembered.
const memory = 24 * time.Hour

// maxRemembered bounds the answers that are kept.
const maxRemembered = 64

// ledger is the circuit breaker: how often the model was asked, for which
// subject, at what cost, and until when it is not asked at all.
type ledger struct {
	now                      func() time.Time
	callsPerHour, perSubject int

	mu      sync.Mutex
	calls   []call
	answers map[[32]byte]kept
	until   time.Time // no calls before
	why     *failure
}

type call struct {
	at      time.Time
	subject string
	tokens  int
}

type kept struct {
	at time.Time
	answer
}

func newLedger(now func() time.Time, callsPerHour, perSubject int) *ledger {
	return &ledger{now: now, callsPerHour: callsPerHour, perSubject: perSubject, answers: map[[32]byte]kept{}}
}

// take books one call for a subject, or says why there is none. The booking
// stands whatever becomes of the call.
func (l *ledger) take(subject string) *failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.forget(now)
	if now.Before(l.until) {
		return l.why
	}
	recent, tokens := 0, 0
	for _, c := range l.calls {
		if now.Sub(c.at) < time.Hour { // a clock that went back makes this stricter
			recent++
		}
		if c.subject == subject {
			tokens += c.tokens
		}
	}
	switch {
	case recent >= l.callsPerHour:
		return fails(saidCalls, nil)
	case tokens >= l.perSubject:
		return fails(saidTokens, nil)
	}
	l.calls = append(l.calls, call{at: now, subject: subject})
	return nil
}

// spend adds tokens to the subject's latest call.
func (l *ledger) spend(subject string, tokens int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.calls) - 1; i >= 0; i-- {
		if l.calls[i].subject == subject {
			l.calls[i].tokens += max(0, tokens)
			return
		}
	}
}

// heed stops calls for as long as the service asked.
func (l *ledger) heed(f *failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	until := now.Add(min(f.after, memory))
	if f.daily {
		until = tomorrow(now)
	}
	if until.After(now) && until.After(l.until) {
		l.until, l.why = until, f
	}
}

// tomorrow is when Gemini's daily quotas start anew: midnight of the Pacific,
// here always as in winter, which is at most an hour late.
func tomorrow(now time.Time) time.Time {
	reset := now.UTC().Truncate(24 * time.Hour).Add(8 * time.Hour)
	if !reset.After(now) {
		reset = reset.Add(24 * time.Hour)
	}
	return reset
}

// recall gives the answer that a question had, so that it is not asked again.
func (l *ledger) recall(q question) (answer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forget(l.now())
	k, ok := l.answers[q.key()]
	return k.answer, ok
}

// keep remembers a sound answer.
func (l *ledger) keep(q question, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.answers) < maxRemembered {
		l.answers[q.key()] = kept{at: l.now(), answer: a}
	}
}

func (l *ledger) forget(now time.Time) {
	fresh := l.calls[:0]
	for _, c := range l.calls {
		if now.Sub(c.at) < memory {
			fresh = append(fresh, c)
		}
	}
	l.calls = fresh
	for key, k := range l.answers {
		if now.Sub(k.at) >= memory {
			delete(l.answers, key)
		}
	}
}

// key stands for what was asked; the schema follows from it.
func (q question) key() [32]byte { return sha256.Sum256([]byte(q.system + "\x00" + q.user)) }
