package jobs

import (
	"net/http"
	"sync"
	"time"
)

// serverClock is the API server's time: the Date header of its latest answer
// plus the time that passed here since. Date has whole seconds, cut off, so the
// reading is up to a second early; the executor checks the expiry again.
type serverClock struct {
	mu   sync.Mutex
	date time.Time
	read time.Time // local time with its monotonic part
}

// reading gives the time and how old the answer is that it rests on. Without
// any answer both are zero and ok is false.
func (c *serverClock) reading() (now time.Time, age time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.date.IsZero() {
		return time.Time{}, 0, false
	}
	age = time.Since(c.read)
	return c.date.Add(age), age, true
}

func (c *serverClock) note(header http.Header) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.date, c.read = date.UTC(), time.Now()
}

// wrap is for rest.Config.Wrap.
func (c *serverClock) wrap(next http.RoundTripper) http.RoundTripper {
	return &clockedTransport{clock: c, next: next}
}

type clockedTransport struct {
	clock *serverClock
	next  http.RoundTripper
}

func (t *clockedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err == nil {
		t.clock.note(resp.Header)
	}
	return resp, err
}

// WrappedRoundTripper lets client-go find the transport beneath, which it needs
// for closing idle connections.
func (t *clockedTransport) WrappedRoundTripper() http.RoundTripper { return t.next }
