package respond

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

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
