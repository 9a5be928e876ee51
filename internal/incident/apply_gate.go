package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

func (i *Incident) advanceGate(body Body, at time.Time) error {
	switch b := body.(type) {
	case *Rehearsing:
		return i.rehearsing(b)
	case *Rehearsed:
		return i.rehearsed(b)
	case *Withheld:
		return i.withheld(b, at)
	case *Proposed:
		return i.proposed(b)
	case *Clicked:
		return i.clicked(b)
	case *Voted:
		return i.voted(b)
	case *Refused:
		if !i.unsaid(b.Click) {
			i.settle(b.Click)
		}
	case *Verdict:
		return i.judged(b)
	case *Decided:
		return i.decided(b, at)
	case *Launched:
		return i.launched(b)
	case *Executed:
		return i.executed(b, at)
	case *Lapsed:
		return i.lapsed(b)
	case *Adopted:
		if !i.Agreeing() {
			return fmt.Errorf("adopted without agreement")
		}
		i.Adopted = b
		i.Revision++
	case *Gathered:
		i.Gathered = *b
		i.Revision++
	case *Glass:
		return i.broken(b, at)
	default:
		return fmt.Errorf("event type %T is not known", body)
	}
	return nil
}

func (i *Incident) rehearsing(b *Rehearsing) error {
	if cur := i.Current(); cur != nil && (cur.Open() || cur.Running() || cur.Verifying() || !cur.Rehearsed()) {
		return fmt.Errorf("attempt %d is still under way", cur.N)
	}
	if b.Attempt != len(i.Attempts)+1 {
		return fmt.Errorf("attempt %d does not follow %d", b.Attempt, len(i.Attempts))
	}
	i.Attempts = append(i.Attempts, Attempt{N: b.Attempt, Basis: b.Basis, Rehearsal: *b})
	if b.Undo != "" {
		i.Undoing = nil
	}
	if b.Edited {
		i.Editing = nil
	}
	i.Revision++
	return nil
}

// latest returns the attempt n if it is the last one.
func (i *Incident) latest(n int) (*Attempt, error) {
	cur := i.Current()
	if cur == nil || cur.N != n {
		return nil, fmt.Errorf("attempt %d is not the current one", n)
	}
	return cur, nil
}

func (i *Incident) rehearsed(b *Rehearsed) error {
	cur, err := i.latest(b.Attempt)
	if err != nil {
		return err
	}
	if cur.Report != nil {
		return fmt.Errorf("attempt %d was rehearsed already", b.Attempt)
	}
	cur.Report = &b.Report
	i.Revision++
	return nil
}

func (i *Incident) withheld(b *Withheld, at time.Time) error {
	if b.Attempt == len(i.Attempts)+1 {
		edited := Rehearsing{Edited: i.Editing != nil}
		i.Attempts = append(i.Attempts, Attempt{N: b.Attempt, Basis: b.Basis, Rehearsal: edited})
		i.Undoing, i.Editing = nil, nil
	}
	cur, err := i.latest(b.Attempt)
	if err != nil {
		return err
	}
	if cur.Proposed != nil {
		return fmt.Errorf("attempt %d was proposed already", b.Attempt)
	}
	if cur.Rehearsal.Edited {
		i.note(redact.Sprintf("The edited change cannot be offered: %s.", redact.Join("; ", b.Reasons...)))
	}
	cur.Reasons, cur.Until, cur.glass = b.Reasons, b.Until, i.GlassOpen(at)
	i.Revision++
	return nil
}

func (i *Incident) proposed(b *Proposed) error {
	cur, err := i.latest(b.Attempt)
	if err != nil {
		return err
	}
	digest, err := b.Terms.Digest()
	switch {
	case err != nil:
		return err
	case digest != b.Digest:
		return fmt.Errorf("the digest is not that of the terms")
	case cur.Report == nil || cur.Report.State != StateRehearsed || cur.Proposed != nil:
		return fmt.Errorf("attempt %d has no rehearsal to propose", b.Attempt)
	case b.Terms.Action.Bound != cur.Report.Before || b.Terms.Action.Target.UID != cur.Report.UID:
		return fmt.Errorf("the proposal is not what was rehearsed")
	case !b.Decision.Allow:
		return fmt.Errorf("policy did not allow the proposal")
	}
	cur.Proposed = b
	i.Revision++
	return nil
}

func (i *Incident) decided(b *Decided, at time.Time) error {
	cur := i.ByDigest(b.Digest)
	switch {
	case cur == nil || !cur.Open():
		return fmt.Errorf("decision on %s, which is not open", b.Digest.Short())
	case b.Decision.Allow && b.Decision.Quorum < 1:
		return fmt.Errorf("a decision that allows without any vote")
	case b.Decision.Allow && cur.counted() < b.Decision.Quorum && !b.Glass:
		return fmt.Errorf("%d of %d votes", cur.counted(), b.Decision.Quorum)
	case b.Decision.Allow && len(cur.Approvals()) == 0:
		return fmt.Errorf("a decision that allows without any vote")
	case b.Glass && !i.GlassOpen(at):
		return fmt.Errorf("a decision by broken glass, which is not open")
	case b.Glass && !slices.ContainsFunc(cur.Approvals(), func(v Voted) bool { return v.Person.Is(i.Glass.Person) }):
		return fmt.Errorf("a decision by broken glass without the vote of who broke it")
	}
	cur.Decided = b
	if b.Glass && b.Decision.Allow {
		i.GlassUsed = b.Digest
	}
	if !b.Decision.Allow {
		cur.Lapsed, cur.Until = "refused", b.Decision.Until
	}
	i.Revision++
	return nil
}

func (i *Incident) launched(b *Launched) error {
	cur := i.ByDigest(b.Digest)
	if cur == nil || cur.Decided == nil || !cur.Decided.Decision.Allow || cur.Launched != nil || cur.Lapsed != "" {
		return fmt.Errorf("an order for %s, which was not decided", b.Digest.Short())
	}
	want, err := action.JobName(action.Apply, cur.Proposed.Terms, 0)
	if err != nil || b.Job != want {
		return fmt.Errorf("job %s is not that of the proposal", b.Job)
	}
	cur.Launched = b
	i.Revision++
	return nil
}

func (i *Incident) executed(b *Executed, at time.Time) error {
	for n := range i.Attempts {
		cur := &i.Attempts[n]
		if cur.Launched == nil || cur.Launched.Job != b.Job {
			continue
		}
		if cur.Executed != nil {
			return fmt.Errorf("job %s was reported already", b.Job)
		}
		cur.Executed, cur.FixedAt = b, at
		i.Revision++
		return nil
	}
	return fmt.Errorf("report of job %s, which was not ordered", b.Job)
}

func (i *Incident) lapsed(b *Lapsed) error {
	cur := i.ByDigest(b.Digest)
	if cur == nil || cur.Lapsed != "" || cur.Launched != nil {
		return fmt.Errorf("%s is not open", b.Digest.Short())
	}
	cur.Lapsed = b.Why
	i.Revision++
	return nil
}
