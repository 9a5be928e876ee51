package policy

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Live is the policy in force, which can be replaced while it is asked: every
// question is answered by one policy as a whole, the old one or the new one.
// It has the methods of Engine.
type Live struct{ engine atomic.Pointer[Engine] }

// NewLive begins with an engine that answers (Engine.Check).
func NewLive(ctx context.Context, e *Engine) (*Live, error) {
	if err := e.Check(ctx); err != nil {
		return nil, err
	}
	l := &Live{}
	l.engine.Store(e)
	return l, nil
}

// Reload puts another policy and other settings in force, at once and together.
// What does not compile, does not answer or makes no sense changes nothing: the
// last good one stays, and the error names the line or the key.
func (l *Live) Reload(ctx context.Context, source string, settings Settings) error {
	was := l.engine.Load()
	e, err := New(ctx, source, settings, was.redactor)
	if err == nil {
		err = e.Check(ctx)
	}
	if err != nil {
		return fmt.Errorf("the policy stays as it was (%s): %s", was.digest.Short(), oneLine(err))
	}
	l.engine.Store(e.LogTo(was.log))
	return nil
}

// Engine is the one in force. Who asks twice and relies on both answers being of
// one policy asks it, or compares the digests.
func (l *Live) Engine() *Engine { return l.engine.Load() }

// Decide asks the policy in force.
func (l *Live) Decide(ctx context.Context, in Input) (incident.Decision, error) {
	return l.Engine().Decide(ctx, in)
}

// Digest names the policy and the settings in force.
func (l *Live) Digest() action.Hash { return l.Engine().Digest() }

// Approvers are the ids that the settings in force name for a namespace, sorted.
func (l *Live) Approvers(namespace string) []string { return l.Engine().Approvers(namespace) }

// ApproversFor are those of a namespace with these labels.
func (l *Live) ApproversFor(namespace string, labels []incident.Label) []string {
	return l.Engine().ApproversFor(namespace, labels)
}
