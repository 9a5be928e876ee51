package watch

import (
	"context"
	"errors"
	"sync"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Case answers what a model asks about one subject. It reads the cluster once
// for the owner graph, and live for logs and events. It changes nothing, leaves
// the subject's namespace for nothing but the nodes that its pods run on, and
// reads no value of a Secret or a ConfigMap. It is safe for concurrent use.
type Case struct {
	c       *Collector
	subject action.Ref

	mu  sync.Mutex
	kin *kin // nil until the first question
}

// Case opens what may be asked about a subject. It does no I/O.
func (c *Collector) Case(subject action.Ref) *Case { return &Case{c: c, subject: subject} }

// Ask answers one question, or says why not. What is asked is not trusted: the
// object must belong to the case, whoever names it.
func (k *Case) Ask(ctx context.Context, q incident.Question) incident.Answer {
	if q.Object.Kind == "Secret" {
		return unanswered(redact.Literal("Secrets are not read"))
	}
	f, err := k.open(ctx)
	switch {
	case errors.Is(err, errNoSubject):
		return unanswered(redact.Literal("the object of the case does not exist any more"))
	case err != nil:
		return unanswered(k.c.gather().reason(err))
	}
	ref, ok := f.member(q.Object)
	if !ok {
		return unanswered(redact.Literal("the object does not belong to this case"))
	}
	switch q.Ask {
	case incident.AskLog:
		return k.askLog(ctx, f, ref, q.Container, false)
	case incident.AskPreviousLog:
		return k.askLog(ctx, f, ref, q.Container, true)
	case incident.AskEvents:
		return k.askEvents(ctx, ref)
	case incident.AskDescribe:
		return k.describe(f, ref)
	case incident.AskNeighbours:
		return f.neighbours(ref)
	}
	return unanswered(redact.Literal("this cannot be asked for"))
}

var errNoSubject = errors.New("the subject does not exist")

// open reads the owner graph. A read that fails is tried again by the next
// question.
func (k *Case) open(ctx context.Context) (*kin, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kin != nil {
		return k.kin, nil
	}
	s, err := k.c.Subject(ctx, k.subject)
	if err != nil {
		return nil, err
	}
	if s.KnownAbsent(k.subject.Kind, k.subject.Namespace, k.subject.Name) {
		return nil, errNoSubject
	}
	k.kin = kinOf(s.Index(), k.subject)
	return k.kin, nil
}

func unanswered(why redact.Text) incident.Answer { return incident.Answer{Refused: why} }

// seen is an answer that holds something.
func (k *Case) seen(kind string, source action.Ref, where, text redact.Text) incident.Answer {
	return incident.Answer{Evidence: incident.Evidence{Kind: kind, Source: source, Where: where, Text: text, At: k.c.cfg.Now().UTC()}}
}

// keyOf is a reference without what may differ between two looks.
func keyOf(r action.Ref) action.Ref { return kube.Key(r.Kind, r.Namespace, r.Name) }
