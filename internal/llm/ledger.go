package llm

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// memory is how long calls and answers are remembered; a day in the words of the
// budgets.
const memory = 24 * time.Hour

// maxRemembered bounds the answers that are kept.
const maxRemembered = 64

// limits are the budgets.
type limits struct {
	callsPerHour, callsPerDay       int
	tokensPerIncident, tokensPerDay int
}

// ledger keeps the budgets: how often the model was asked, for which subject, at
// what cost, and until when it is not asked at all.
type ledger struct {
	now    func() time.Time
	limits limits

	mu      sync.Mutex
	calls   []call
	answers map[[32]byte]kept
	until   time.Time // no calls before
	why     *failure
	breaker breaker
}

// call is one request, or one question to the cluster where asked is set.
type call struct {
	at      time.Time
	subject string
	tokens  int
	asked   bool
}

type kept struct {
	at time.Time
	answer
}

func newLedger(now func() time.Time, l limits) *ledger {
	return &ledger{now: now, limits: l, answers: map[[32]byte]kept{}}
}

// take books one call for a subject, or says why there is none. The booking
// stands whatever becomes of the call, whose end is told to came.
func (l *ledger) take(subject string) *failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.forget(now)
	if now.Before(l.until) {
		return l.why
	}
	hour, day, mine, all := 0, 0, 0, 0
	for _, c := range l.calls {
		if c.asked {
			continue
		}
		day, all = day+1, all+c.tokens
		if now.Sub(c.at) < time.Hour { // a clock that went back makes this stricter
			hour++
		}
		if c.subject == subject {
			mine += c.tokens
		}
	}
	switch {
	case hour >= l.limits.callsPerHour:
		return spent(saidCalls)
	case day >= l.limits.callsPerDay:
		return spent(saidCallsDay)
	case mine >= l.limits.tokensPerIncident:
		return spent(saidTokens)
	case all >= l.limits.tokensPerDay:
		return spent(saidTokensDay)
	case l.breaker.open(now):
		return fails(saidBroken, nil)
	}
	l.breaker.sent()
	l.calls = append(l.calls, call{at: now, subject: subject})
	return nil
}

// came notes what became of a call: its tokens and its failure, nil for none.
func (l *ledger) came(subject string, tokens int, f *failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.breaker.came(f, l.now())
	for i := len(l.calls) - 1; i >= 0; i-- {
		if l.calls[i].subject == subject && !l.calls[i].asked {
			l.calls[i].tokens += max(0, tokens)
			return
		}
	}
}

// takeQuestion books one question to the cluster; false where the incident has
// had its share.
func (l *ledger) takeQuestion(subject string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left(subject) == 0 {
		return false
	}
	l.calls = append(l.calls, call{at: l.now(), subject: subject, asked: true})
	return true
}

// questionsLeft is how many questions about a subject may still be put.
func (l *ledger) questionsLeft(subject string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left(subject)
}

func (l *ledger) left(subject string) int {
	l.forget(l.now())
	left := maxPerIncident
	for _, c := range l.calls {
		if c.asked && c.subject == subject {
			left--
		}
	}
	return max(0, left)
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

// key stands for what was asked, in which form, and for which sample of it.
func (q question) key() [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d\x00%t", q.system, q.user, q.sample, q.mayAsk))
}
