package respond

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Steering puts into force what people agreed on.
type Steering interface {
	// Adopt takes over the policy with this digest. ErrGone says that it is not
	// the one in the cluster any more.
	Adopt(ctx context.Context, digest action.Hash) error
}

// ErrGone says that what was agreed on is no longer there to be taken over.
var ErrGone = errors.New("it was changed again since")

// Steer writes down that the installation was steered. id names the very change,
// so that two replicas and a restart announce it once.
func (r *Responder) Steer(ctx context.Context, id incident.ID, s incident.Steered) error {
	_, _, err := r.Open(ctx, id, "", &s)
	if errors.Is(err, incident.ErrConflict) {
		return nil // announced already
	}
	return err
}

// judgeSteered answers a press on what waits for people's agreement. Whose press
// counts is asked of the policy that is in force, not of the one that waits.
func (g *GateEffects) judgeSteered(ctx context.Context, i incident.Incident, click incident.Clicked, who incident.Identity, now time.Time) ([]incident.Body, error) {
	refusal := g.genuine(i, click)
	switch {
	case !refusal.IsEmpty():
	case !who.Member:
		refusal = redact.Sprintf("%s, so this press does not count", who.Why)
	case click.Verb != incident.Approve && click.Verb != incident.Reject, click.Digest != i.Steered.New || !i.Waiting():
		refusal = redact.Literal("this does not wait for anybody's agreement any more")
	}
	for _, p := range i.Agreed {
		if p.Is(click.Person) {
			refusal = redact.Literal("your vote is counted already")
		}
	}
	if !refusal.IsEmpty() {
		return g.refuse(ctx, click, refusal)
	}
	d, err := g.Policy.Decide(ctx, policy.Input{
		Stage: policy.Steer, Now: now, Verb: click.Verb, Voter: who, Requester: i.Steered.Person, Reason: click.Reason,
	})
	if err != nil {
		return nil, fmt.Errorf("may %s: %w", click.Verb, err)
	}
	if !d.Allow {
		return g.refuse(ctx, click, redact.Join("; ", d.Reasons...))
	}
	click.Person.Name = who.Person.Name
	return []incident.Body{&incident.Voted{Click: click.Click, Verb: click.Verb, Digest: click.Digest, Person: click.Person, Said: click.Said}}, nil
}

// adopt takes over what enough people have agreed on.
func (g *GateEffects) adopt(ctx context.Context, i incident.Incident) ([]incident.Body, error) {
	err := g.Steering.Adopt(ctx, i.Steered.New)
	if errors.Is(err, ErrGone) {
		return []incident.Body{&incident.Adopted{Failure: redact.Name(err.Error())}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("adopt %s: %w", i.Steered.New.Short(), err)
	}
	return []incident.Body{&incident.Adopted{}}, nil
}
