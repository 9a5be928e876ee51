package respond

import (
	"context"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// GlassLife is how long broken glass stays open.
const GlassLife = 15 * time.Minute

// maxPaged bounds how many people broken glass calls by name.
const maxPaged = 5

// Helm is where people steer the installation from Slack.
type Helm struct {
	Thread Thread
	Policy Policy
	// Turn writes the kill switch. What follows it in the cluster announces it.
	Turn func(ctx context.Context, s action.Switch) error
	Now  func() time.Time
	// Alarm is what people have to know about the connection to Slack itself.
	Alarm func() redact.Text
}

// may asks who the person is and whether policy lets that person do it. The
// zero answer is no.
func (h *Helm) may(ctx context.Context, c chat.Command, verb incident.Verb, namespace string) (incident.Identity, redact.Text) {
	who, err := h.Thread.Identify(ctx, c.Person)
	switch {
	case err != nil:
		return who, redact.Literal("Slack does not say who you are now, so nothing was done. Try again, or use the command line: countersign stop, countersign resume.")
	case !who.Member:
		return who, redact.Sprintf("%s, so nothing was done.", who.Why)
	}
	in := policy.Input{Stage: policy.Steer, Now: h.Now(), Verb: verb, Voter: who, Reason: c.Reason}
	in.Action.Target.Namespace = namespace
	d, err := h.Policy.Decide(ctx, in)
	switch {
	case err != nil:
		return who, redact.Literal("The policy gives no answer, so nothing was done.")
	case !d.Allow:
		return who, redact.Sprintf("Not done: %s.", redact.Join("; ", d.Reasons...))
	}
	return who, redact.Text{}
}

// turn throws the kill switch or takes it back.
func (h *Helm) turn(ctx context.Context, c chat.Command) redact.Text {
	verb := incident.StopAll
	if c.Kind == chat.Resume {
		verb = incident.ResumeAll
	}
	who, refusal := h.may(ctx, c, verb, "")
	if !refusal.IsEmpty() {
		return refusal
	}
	s := action.Switch{Stopped: verb == incident.StopAll, By: who.Person.ID, Reason: c.Reason.String(), At: h.Now().UTC().Truncate(time.Second)}
	if err := h.Turn(ctx, s); err != nil {
		return redact.Literal("The switch could not be written, so NOTHING has changed. Use the command line with your own access: countersign stop, countersign resume.")
	}
	if s.Stopped {
		return redact.Literal("Stopped: no Job is created from now on, and executors that start stop by themselves. Take it back with: resume")
	}
	return redact.Literal("Resumed: findings that stand are planned again.")
}

// breakGlass writes down that a person breaks the glass of one incident.
func (r *Responder) breakGlass(ctx context.Context, c chat.Command, h *Helm) redact.Text {
	i, err := r.Load(ctx, c.Incident)
	switch {
	case err != nil:
		return redact.Literal("The incident cannot be read now, so nothing was done.")
	case i.ID == "" || i.Closed != "" || i.Inquiry != nil || i.Steered != nil || i.Storm != nil:
		return redact.Sprintf("There is no open incident %s.", redact.Name(string(c.Incident)))
	case c.Reason.IsEmpty():
		return redact.Literal("Breaking the glass needs a reason: break-glass INCIDENT REASON")
	}
	who, refusal := h.may(ctx, c, incident.BreakGlass, i.Subject.Namespace)
	if !refusal.IsEmpty() {
		return refusal
	}
	glass := &incident.Glass{Person: who.Person, Reason: c.Reason, ExpiresAt: h.Now().Add(GlassLife).UTC().Truncate(time.Second)}
	for _, id := range h.Policy.ApproversFor(i.Subject.Namespace, labelsOf(i)) {
		if id != who.Person.ID && len(glass.Page) < maxPaged {
			glass.Page = append(glass.Page, id)
		}
	}
	if len(glass.Page) == 0 {
		return redact.Literal("Nobody else is named as an approver of this namespace, so nobody could be called to review: nothing was done.")
	}
	if err := r.Append(ctx, i.ID, glass); err != nil {
		r.cfg.Log.Warn("broken glass could not be written down", "incident", i.ID, "err", err)
		return redact.Literal("It could not be written down (is the glass broken already, or a review owed?), so nothing was done.")
	}
	return redact.Sprintf("The glass is broken until %s: your approval alone carries out one change. The others are called, and one of them has to review it.",
		redact.Name(glass.ExpiresAt.Format("15:04 MST")))
}

// labelsOf are the namespace's labels as the last rehearsal saw them; the team
// that approves is one of them.
func labelsOf(i incident.Incident) []incident.Label {
	for n := len(i.Attempts) - 1; n >= 0; n-- {
		if r := i.Attempts[n].Report; r != nil {
			return r.Facts.NamespaceLabels
		}
	}
	return nil
}
