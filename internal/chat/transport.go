package chat

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"
)

const (
	requestTimeout = 15 * time.Second
	// maxWait bounds how long a call waits for Slack's Retry-After; what is
	// told to wait longer is returned, and the loop comes back.
	maxWait  = 30 * time.Second
	maxTries = 3
	maxFrame = 1 << 20 // bytes of one Socket Mode message
)

func newTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t = t.Clone()
	t.ResponseHeaderTimeout = 10 * time.Second
	t.MaxIdleConnsPerHost = 4
	return t
}

// pacer holds back apps.connections.open. slack-go reconnects without any delay
// after a disconnect, so that an edge which greets and hangs up would be called
// in a tight loop until Slack's limit, or its patience, ends.
type pacer struct {
	next http.RoundTripper
	now  func() time.Time

	mu     sync.Mutex
	last   time.Time
	streak int // connections in a row that did not live
}

const (
	livedLong   = 30 * time.Second // a connection this old ends a streak
	paceFirst   = 250 * time.Millisecond
	paceMost    = 30 * time.Second
	paceFree    = 2 // reconnects of a streak that are not delayed
	openingPath = "/apps.connections.open"
)

// RoundTrip waits for its turn and then sends.
func (p *pacer) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, openingPath) {
		if err := sleep(r.Context(), p.delay()); err != nil {
			return nil, err
		}
	}
	return p.next.RoundTrip(r)
}

// delay counts an opening and says how long it has to wait.
func (p *pacer) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	wait := time.Duration(0)
	switch {
	case p.last.IsZero() || now.Sub(p.last) >= livedLong:
		p.streak = 0
	default:
		p.streak++
		if n := p.streak - paceFree; n > 0 {
			wait = min(paceFirst<<min(n-1, 10), paceMost)
			wait += time.Duration(rand.Int64N(int64(wait) / 4)) // several replicas must not come at once
		}
	}
	p.last = now.Add(wait)
	return wait
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// limits remembers which methods Slack has told to wait, and until when: a
// limit is per method and workspace, and going on calling gets an app disabled.
type limits struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (l *limits) wait(method string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.until[method])
}

func (l *limits) hold(method string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	l.until[method] = time.Now().Add(d)
}

// call does one Web API call, waits where Slack says so and tries again. A 429
// was not applied, so that trying again never posts twice.
func (s *Slack) call(ctx context.Context, method string, do func(context.Context) error) error {
	for try := 1; ; try++ {
		d := s.limits.wait(method)
		if d > maxWait {
			return &LimitedError{Method: method, Wait: d}
		}
		if err := sleep(ctx, d); err != nil {
			return err
		}
		err := do(ctx)
		var limited *slack.RateLimitedError
		if !errors.As(err, &limited) {
			return err
		}
		wait := max(limited.RetryAfter, time.Second)
		s.limits.hold(method, wait)
		s.log.Warn("Slack limits the rate", "method", method, "retryAfter", wait)
		if try == maxTries || wait > maxWait {
			return &LimitedError{Method: method, Wait: wait}
		}
	}
}
