package remediate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Clock is the API server's clock, read from the Date header of its answers.
// It is the only one that an executor trusts: nodes drift. It stands still
// between two answers, and has whole seconds.
type Clock struct {
	client  *http.Client
	version *url.URL

	mu   sync.Mutex
	last time.Time
}

// Connect makes a client whose every answer sets the returned Clock. The
// executor sends about ten requests in its life, so none is held back.
func Connect(cfg *rest.Config) (dynamic.Interface, *Clock, error) {
	clock := &Clock{}
	cfg = rest.CopyConfig(cfg)
	cfg.QPS = -1
	cfg.UserAgent = "countersign-executor"
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return again{dated{next: next, clock: clock}} })
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the API server: %w", err)
	}
	base, _, err := rest.DefaultServerUrlFor(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the API server: %w", err)
	}
	clock.client, clock.version = client, base.JoinPath("version")
	dyn, err := dynamic.NewForConfigAndClient(cfg, client)
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the API server: %w", err)
	}
	return dyn, clock, nil
}

// Now is the time of the latest answer; zero before the first.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Ask makes the API server say the time, whatever else it answers: /version is
// open to every authenticated account, and a refusal carries a Date as well.
func (c *Clock) Ask(ctx context.Context) (time.Time, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.version.String(), nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return time.Time{}, fmt.Errorf("ask the API server's time: %w", err)
	}
	now := c.Now()
	if now.IsZero() {
		return time.Time{}, errors.New("the API server's answer has no Date header")
	}
	return now, nil
}

// dated is the transport that reads the Date of each answer, and takes from the
// answer to a write the header by which client-go would send it once more.
type dated struct {
	next  http.RoundTripper
	clock *Clock
}

func (d dated) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.clock.set(at.UTC())
	}
	if req.Method != http.MethodGet {
		resp.Header.Del("Retry-After")
	}
	return resp, nil
}

// set never goes back: with several API servers the latest time counts, which
// makes an Order expire sooner and never later.
func (c *Clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.After(c.last) {
		c.last = at
	}
}
