package chat

import (
	"context"
	"time"

	"github.com/slack-go/slack/socketmode"
)

// rollTimes pace the roll calls.
type rollTimes struct {
	every  time.Duration // between two
	soon   time.Duration // after a greeting whose count is too high
	linger time.Duration // how long the second link goes on taking envelopes
}

const (
	rollEvery  = 10 * time.Minute
	rollSoon   = 15 * time.Second
	rollLinger = 300 * time.Millisecond
	// missedAfter is how long our link must have stood when an event happened,
	// in seconds, for its first delivery to have been ours.
	missedAfter = 5
)

// greeted takes Slack's greeting of our link. Its count may still hold the link
// that this one replaces, so that an alarm waits for a count of its own.
func (r *session) greeted(hello *socketmode.Request) {
	r.connected.Store(true)
	r.since.Store(r.cfg.Now().Unix())
	if hello == nil {
		return
	}
	if hello.NumConnections <= 1 {
		r.rogue.count(r.cfg.Now(), hello.NumConnections, 1)
		return
	}
	r.log.Warn("Slack counts more connections of this app than this process has", "connections", hello.NumConnections)
	select {
	case r.doubt <- struct{}{}:
	default:
	}
}

// rollCalls has Slack count the connections now and then: it does so only when
// it greets one, and a stranger's may come after ours.
func (r *session) rollCalls() {
	timer := time.NewTimer(r.roll.every)
	defer timer.Stop()
	for {
		select {
		case <-r.link.Done():
			return
		case <-r.doubt:
			timer.Reset(r.roll.soon)
		case <-timer.C:
			r.rollCall()
			timer.Reset(r.roll.every)
		}
	}
}

// rollCall opens a second link for a moment and reads how many Slack counts.
// What arrives over it meanwhile is handled like everything else.
func (r *session) rollCall() {
	if !r.connected.Load() {
		return // ours is the next to be greeted
	}
	ctx, cancel := context.WithTimeout(r.link, requestTimeout)
	defer cancel()
	second := r.dial()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = second.RunContext(ctx) // a failure shows as the missing greeting
	}()
	defer func() { cancel(); <-ended }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ended:
			return
		case e := <-second.Events:
			switch e.Type {
			case socketmode.EventTypeHello:
				r.counted(e.Request)
				time.AfterFunc(r.roll.linger, cancel)
			case socketmode.EventTypeConnectionError:
				return
			case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI, socketmode.EventTypeErrorBadMessage:
				r.take(e)
			default:
			}
		}
	}
}

func (r *session) counted(hello *socketmode.Request) {
	if hello == nil || hello.NumConnections == 0 || !r.connected.Load() {
		return
	}
	const ours = 2
	if r.rogue.count(r.cfg.Now(), hello.NumConnections, ours) {
		r.log.Error("Slack counts connections of this app that this process did not open: a half-open link from before that Slack has not given up yet, or somebody else with SLACK_APP_TOKEN; if it stays for hours, rotate both tokens",
			"connections", hello.NumConnections, "ours", ours)
	}
}

// missed looks at an event that Slack sends again: if our link stood when it
// happened and it is new to us, another connection had it before.
func (r *session) missed(e envelope, ev event) {
	since := r.since.Load()
	if e.Retry == 0 || ev.EventTime == 0 || since == 0 || !r.connected.Load() || ev.EventTime < since+missedAfter {
		return
	}
	r.rogue.missed(r.cfg.Now())
	r.log.Error("an event of Slack came to us only when it was sent again: another connection had it before, a half-open link of ours or somebody else with SLACK_APP_TOKEN",
		"event", ev.Event.Type, "attempt", e.Retry)
}
