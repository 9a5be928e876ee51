package slackstub

import (
	"sort"
	"sync"
	"time"
)

// Clock is the stub's only source of time and timers.
type Clock interface {
	Now() time.Time
	// AfterFunc runs f on a goroutine of its own once d has passed, and
	// returns a function that prevents it.
	AfterFunc(d time.Duration, f func()) (stop func())
}

// WallClock is the machine's clock; the times it returns are monotonic.
type WallClock struct{}

// Now returns the current time with its monotonic reading.
func (WallClock) Now() time.Time { return time.Now() }

// AfterFunc starts a timer of the runtime.
func (WallClock) AfterFunc(d time.Duration, f func()) func() {
	t := time.AfterFunc(d, f)
	return func() { t.Stop() }
}

// ManualClock stands still until Advance is called. Its zero value starts at
// the zero time, which is before any Slack timestamp: use NewManualClock.
type ManualClock struct {
	mu     sync.Mutex
	now    time.Time
	next   int
	timers []manualTimer
}

type manualTimer struct {
	id int
	at time.Time
	f  func()
}

// NewManualClock returns a clock that shows now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now} }

// Now returns the time that Advance has reached.
func (c *ManualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc registers f to run inside the Advance that passes its moment.
func (c *ManualClock) AfterFunc(d time.Duration, f func()) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := c.next
	c.timers = append(c.timers, manualTimer{id: id, at: c.now.Add(d), f: f})
	return func() { c.forget(id) }
}

func (c *ManualClock) forget(id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range c.timers {
		if t.id == id {
			c.timers = append(c.timers[:i], c.timers[i+1:]...)
			return
		}
	}
}

// Advance moves the clock and runs, in order and on the caller's goroutine,
// every function whose moment is reached, including those they register.
func (c *ManualClock) Advance(d time.Duration) {
	c.mu.Lock()
	end := c.now.Add(d)
	c.mu.Unlock()
	for {
		f := c.due(end)
		if f == nil {
			return
		}
		f()
	}
}

func (c *ManualClock) due(end time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	sort.SliceStable(c.timers, func(i, j int) bool { return c.timers[i].at.Before(c.timers[j].at) })
	if len(c.timers) == 0 || c.timers[0].at.After(end) {
		c.now = end
		return nil
	}
	t := c.timers[0]
	c.timers = c.timers[1:]
	if t.at.After(c.now) {
		c.now = t.at
	}
	return t.f
}
