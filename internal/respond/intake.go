package respond

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
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
	case i.Closed != "":
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
	for _, c := range i.Clicks {
		if c.Click == click {
			return true
		}
	}
	return false
}

// TakeCommands answers slash commands and mentions until ctx ends.
func (r *Responder) TakeCommands(ctx context.Context, commands <-chan chat.Command, helm *Helm) {
	for {
		select {
		case <-ctx.Done():
			return
		case c, ok := <-commands:
			if !ok {
				return
			}
			if err := r.takeCommand(ctx, c, helm); err != nil {
				r.cfg.Log.Warn("a command was not answered", "command", c.Kind, "err", err)
			}
		}
	}
}

func (r *Responder) takeCommand(ctx context.Context, c chat.Command, helm *Helm) error {
	switch c.Kind {
	case chat.Why:
		return r.ask(ctx, c)
	case chat.Status:
		text, err := r.Status(ctx)
		if err != nil {
			text = redact.Literal("The store does not answer, so nothing can be said about open incidents now.")
		}
		if why := r.cfg.Rules.Halted(); why != "" {
			text = redact.Sprintf("Nothing is offered or executed now: %s.\n%s", redact.Name(why), text)
		}
		if alarm := helm.Alarm(); !alarm.IsEmpty() {
			text = redact.Sprintf("%s\n%s", alarm, text)
		}
		return c.Reply(ctx, text)
	case chat.Stop, chat.Resume:
		return c.Reply(ctx, helm.turn(ctx, c))
	case chat.BreakGlass:
		return c.Reply(ctx, r.breakGlass(ctx, c, helm))
	case chat.Help, chat.Unknown: // chat answers these itself
		return nil
	}
	return fmt.Errorf("command kind %v does not exist", c.Kind)
}

// ask writes the question down as an inquiry, which the watcher answers. The
// person has a first line already.
func (r *Responder) ask(ctx context.Context, c chat.Command) error {
	kind, name, ok := strings.Cut(c.Object, "/")
	if !ok {
		return c.Reply(ctx, redact.Literal("That names no object: use KIND/NAME."))
	}
	id, err := newID()
	if err != nil {
		return err
	}
	asked := &incident.Asked{
		Subject: action.Ref{Kind: kind, Namespace: c.Namespace, Name: name},
		Person:  c.Person, Channel: c.Channel, Thread: c.Thread, Respond: c.Respond,
	}
	if _, _, err := r.Open(ctx, id, "", asked); err != nil {
		r.cfg.Log.Error("a question could not be written down", "err", err)
		return c.Reply(ctx, redact.Literal("The question could not be written down, so it is not looked into. Try again."))
	}
	return nil
}

// newID makes the id of an inquiry, which no fingerprint determines.
func newID() (incident.ID, error) {
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return incident.ID("i" + hex.EncodeToString(b[:])), nil
}

// Status says in a few lines which incidents are open.
func (r *Responder) Status(ctx context.Context) (redact.Text, error) {
	ids, err := r.cfg.Store.Live(ctx, 0)
	if err != nil {
		return redact.Text{}, err
	}
	var lines []redact.Text
	for _, id := range ids {
		i, err := r.Load(ctx, id)
		if err != nil || i.Closed != "" || i.Inquiry != nil || i.Diagnosis == nil {
			continue
		}
		if i.ReviewOwed() {
			lines = append(lines, redact.Sprintf("• a review of a break-glass change by %s is owed (incident %s)", i.Glass.Person.Name, redact.Name(string(i.ID))))
		}
		lines = append(lines, redact.Sprintf("• %s in %s: %s (incident %s)",
			redact.Name(i.Subject.String()), redact.Name(i.Subject.Namespace), i.Diagnosis.Summary, redact.Name(string(i.ID))))
	}
	if len(lines) == 0 {
		return redact.Literal("No open incidents."), nil
	}
	return redact.Sprintf("%s open incidents:\n%s", redact.Int(int64(len(lines))), redact.Join("\n", lines...)), nil
}
