package llm

import "time"

// The breaker opens after so many failed requests in a row and lets one through
// after each pause, as a probe.
const (
	breakAfter = 5
	breakFor   = 2 * time.Minute
)

// breaker keeps from asking a service that only fails. Refusals and answers of
// the wrong form are the model's and do not count; nor do quotas, which have
// their own pauses.
type breaker struct {
	failures int
	openTill time.Time
	probing  bool
}

// open reports whether a request must not be sent now.
func (b *breaker) open(now time.Time) bool {
	return b.failures >= breakAfter && (b.probing || now.Before(b.openTill))
}

// sent notes that a request goes out: of an open breaker it is the probe.
func (b *breaker) sent() { b.probing = b.failures >= breakAfter }

// came notes what became of a request; nil is an answer of whatever kind.
func (b *breaker) came(f *failure, now time.Time) {
	b.probing = false
	switch {
	case f == nil || !f.service:
		if f == nil || f.status > 0 {
			b.failures = 0 // the service is there
		}
	default:
		b.failures = min(b.failures+1, breakAfter)
		if b.failures == breakAfter {
			b.openTill = now.Add(breakFor)
		}
	}
}
