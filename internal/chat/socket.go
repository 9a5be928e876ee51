package chat

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	ackWithin = 3 * time.Second // what Slack waits for an acknowledgement
	// drainFor bounds how long Run goes on after its context ended, so that
	// presses that were handed out can still be acknowledged.
	drainFor = 2 * time.Second
	// flushFor lets the last queued acknowledgement be written: slack-go does
	// not tell when it was.
	flushFor = 150 * time.Millisecond
	// maxBackoff bounds slack-go's own waiting, which grows to five minutes.
	maxBackoff = 30 * time.Second
)

// session is one Run. link ends when the connection is to end, which is a
// drain later than stop, the context of the caller.
type session struct {
	*Slack
	stop, link context.Context
	end        context.CancelCauseFunc
	group      sync.WaitGroup

	doubt chan struct{} // Slack counted more connections than there are of ours

	mu      sync.Mutex
	restart context.CancelFunc // ends slack-go's present loop
}

// Run keeps a Socket Mode connection and hands out what comes over it, until
// ctx ends or a token is refused for good. A passing outage of Slack never ends
// it. After ctx it goes on for at most two seconds to send acknowledgements of
// presses that were handed out, and takes in nothing new.
func (s *Slack) Run(ctx context.Context) error {
	link, end := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &session{Slack: s, stop: ctx, link: link, end: end, doubt: make(chan struct{}, 1)}
	defer r.group.Wait()
	defer end(nil)
	r.group.Go(r.receive)
	r.group.Go(r.learn)
	r.group.Go(r.rollCalls)
	r.group.Go(func() {
		select {
		case <-ctx.Done():
			s.drain()
			end(nil)
		case <-link.Done():
		}
	})
	err := r.loop()
	s.connected.Store(false)
	return err
}

// learn finds out which workspace this is, if Check has not: without it no press
// is genuine.
func (r *session) learn() {
	for {
		_, err := r.workspace(r.link)
		var refused *TokenError
		switch {
		case err == nil || r.link.Err() != nil:
			return
		case errors.As(err, &refused):
			r.end(refused)
			return
		}
		r.log.Warn("Slack does not say who we are; no press counts until it does", "error", err)
		if sleep(r.link, 5*time.Second) != nil {
			return
		}
	}
}

func (r *session) loop() error {
	for {
		err := r.stay()
		var refused *TokenError
		switch {
		case errors.As(context.Cause(r.link), &refused):
			return refused
		case r.link.Err() != nil:
			return nil
		}
		if refused = tokenError(appSetting, err); refused != nil {
			return refused
		}
		r.log.Warn("the connection to Slack ended, trying again", "error", scrub("socket mode", err))
		if sleep(r.link, time.Second) != nil {
			return nil
		}
	}
}

// stay runs slack-go's own loop and contains its panics.
func (r *session) stay() (err error) {
	ctx, cancel := context.WithCancel(r.link)
	defer cancel()
	r.mu.Lock()
	r.restart = cancel
	r.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in the connection: %v", p)
			r.log.Error("panic in the connection to Slack", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return r.sock.RunContext(ctx)
}

// drain waits until the presses that were handed out are acknowledged.
func (s *Slack) drain() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(drainFor); s.pending.Load() > 0 && time.Now().Before(end); {
		<-tick.C
	}
	<-time.After(flushFor)
}

// receive takes events off slack-go's channel as fast as they come: a reader
// that stalls sees no pings, and slack-go drops the connection.
func (r *session) receive() {
	for {
		select {
		case <-r.link.Done():
			return
		case e := <-r.sock.Events:
			r.take(e)
		}
	}
}

// take handles one event.
func (r *session) take(e socketmode.Event) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic while handling an event of Slack", "type", e.Type, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	switch e.Type {
	case socketmode.EventTypeHello:
		r.greeted(e.Request)
	case socketmode.EventTypeConnecting:
		r.connected.Store(false)
	case socketmode.EventTypeConnectionError:
		r.failed(e.Data)
	case socketmode.EventTypeErrorWriteFailed:
		r.log.Warn("an acknowledgement could not be written; Slack shows the person an error")
	case socketmode.EventTypeErrorBadMessage:
		// slack-go could not read it. An envelope of a type that we know is
		// handled all the same, any other is acknowledged and dropped.
		if bad, ok := e.Data.(*socketmode.ErrorBadMessage); ok {
			r.frame(bad.Message)
		}
	case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
		r.envelope(envelope{Type: e.Request.Type, ID: e.Request.EnvelopeID, Payload: e.Request.Payload, Retry: e.Request.RetryAttempt})
	default:
	}
}

// failed judges a failed attempt to connect.
func (r *session) failed(data any) {
	failure, ok := data.(*slack.ConnectionErrorEvent)
	if !ok {
		return
	}
	if refused := tokenError(appSetting, failure.ErrorObj); refused != nil {
		r.end(refused)
		return
	}
	r.log.Warn("cannot connect to Slack", "attempt", failure.Attempt, "next", failure.Backoff,
		"error", scrub("socket mode", failure.ErrorObj))
	var limited *slack.RateLimitedError
	if failure.Backoff > maxBackoff && !errors.As(failure.ErrorObj, &limited) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.restart()
	}
}

func (r *session) frame(raw []byte) {
	e, err := decodeEnvelope(raw)
	if err != nil {
		r.log.Warn("Slack sent a frame that cannot be read", "error", err, "bytes", len(raw))
		return
	}
	r.envelope(e)
}

// envelope hands one envelope on. A press is acknowledged by whoever wrote it
// down; everything else at once.
func (r *session) envelope(e envelope) {
	if r.stop.Err() != nil {
		return // nothing new while stopping: Slack shows an error or sends it again
	}
	switch e.Type {
	case typeInteractive:
		r.interactive(e)
	case typeSlash:
		r.slash(e)
	case typeEvents:
		r.ack(r.link, e.ID, nil)
		r.happened(e)
	default:
		r.ack(r.link, e.ID, nil)
		r.log.Warn("Slack sent an envelope of a type that is not known", "type", clip(e.Type))
	}
}

// ack queues an acknowledgement. It may leave on the next connection, which
// Slack takes.
func (s *Slack) ack(ctx context.Context, id string, payload any) {
	ctx, cancel := context.WithTimeout(ctx, ackWithin)
	defer cancel()
	if err := s.sock.AckCtx(ctx, id, payload); err != nil {
		s.log.Warn("an acknowledgement could not be sent", "error", err)
	}
}

// later runs work that talks to Slack beside the loop; Run waits for it.
func (r *session) later(work func(context.Context)) {
	r.group.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				r.log.Error("panic while answering in Slack", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		ctx, cancel := context.WithTimeout(r.link, 2*requestTimeout)
		defer cancel()
		work(ctx)
	})
}

func clip(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
