package respond

import (
	"context"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// ClickDeadline is how long a press may wait to be written down. After that it
// is not acknowledged, and Slack tells the person that it did not work.
const ClickDeadline = time.Second

// Desk answers people in Slack.
type Desk interface {
	Whisper(ctx context.Context, click incident.Clicked, text redact.Text) error
	// Ask opens the form that the press asks for.
	Ask(ctx context.Context, c chat.Click, i incident.Incident) error
}

// TakeClicks writes presses down and acknowledges them after that, until ctx
// ends. A press on an incident that is gone or closed is answered and dropped.
func (r *Responder) TakeClicks(ctx context.Context, clicks <-chan chat.Click, desk Desk) {
	for {
		select {
		case <-ctx.Done():
			return
		case c, ok := <-clicks:
			if !ok {
				return
			}
			r.takeClick(ctx, c, desk)
		}
	}
}

func (r *Responder) takeClick(ctx context.Context, c chat.Click, desk Desk) {
	limited, cancel := context.WithTimeout(ctx, ClickDeadline)
	defer cancel()
	i, err := r.Load(limited, c.Incident)
	var refusal redact.Text
	switch {
	case err != nil:
		r.cfg.Log.Error("a press could not be written down", "incident", c.Incident, "err", err)
		return
	case i.ID == "":
		refusal = redact.Literal("this incident is not known here any more")
	case i.Closed != "" && c.Clicked.Verb != incident.Judge:
		refusal = redact.Literal("this incident is closed; nothing was done")
	case i.Answered[c.Clicked.Click] || waiting(i, c.Clicked.Click):
		r.acknowledge(ctx, limited, c) // delivered twice, written once
		return
	case c.Clicked.Genuine && asksFirst(i, c.Clicked):
		// Opening a form decides nothing, so nothing is written down. What it
		// brings back is a press of its own.
		if !r.firstForm(c.Clicked.Click) {
			c.Ack(ctx)
			return
		}
		if err = desk.Ask(limited, c, i); err == nil {
			c.Ack(ctx)
			return
		}
		r.cfg.Log.Warn("a form could not be opened", "incident", c.Incident, "err", err)
		refusal = redact.Literal("the form could not be opened, so nothing was done: press again")
	}
	if !refusal.IsEmpty() {
		c.Ack(ctx)
		if err := desk.Whisper(ctx, c.Clicked, refusal); err != nil {
			r.cfg.Log.Warn("a person was not told that a press did nothing", "incident", c.Incident, "err", err)
		}
		return
	}
	if err := r.Append(limited, c.Incident, &c.Clicked); err != nil && !r.has(limited, c) {
		r.cfg.Log.Error("a press could not be written down", "incident", c.Incident, "err", err)
		return
	}
	r.acknowledge(ctx, limited, c)
}

// acknowledge tells Slack that a press that is written down has arrived, once it
// cannot be lost unnoticed any more.
func (r *Responder) acknowledge(ctx, limited context.Context, c chat.Click) {
	if err := r.cfg.Vouch(limited); err != nil {
		r.cfg.Log.Error("a press is written down and not acknowledged", "incident", c.Incident, "err", err)
		return
	}
	c.Ack(ctx)
}

// formMemory is longer than Slack goes on delivering a press.
const formMemory = time.Minute

// firstForm reports whether the press has not opened its form yet.
func (r *Responder) firstForm(click string) bool {
	now := r.cfg.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for known, at := range r.forms {
		if now.Sub(at) > formMemory {
			delete(r.forms, known)
		}
	}
	_, known := r.forms[click]
	r.forms[click] = now
	return !known
}

// asksFirst reports whether the press is on a button that needs to know more
// than that it was pressed.
func asksFirst(i incident.Incident, c incident.Clicked) bool {
	if c.Via != incident.ViaButton {
		return false
	}
	cur := i.ByDigest(c.Digest)
	switch {
	case c.Verb == incident.Judge:
		return c.Verdict == nil
	case cur == nil || !cur.Open():
		return false // refused, with the reason why
	case c.Verb == incident.Edit:
		return true
	}
	return c.Verb == incident.Approve && cur.Proposed.Decision.NeedsReason
}

// has reports whether the press stands written: a copy of it was quicker.
func (r *Responder) has(ctx context.Context, c chat.Click) bool {
	i, err := r.Load(ctx, c.Incident)
	return err == nil && (i.Answered[c.Clicked.Click] || waiting(i, c.Clicked.Click))
}

func waiting(i incident.Incident, click string) bool {
	for _, c := range slices.Concat(i.Clicks, i.Sayings) {
		if c.Click == click {
			return true
		}
	}
	return false
}
