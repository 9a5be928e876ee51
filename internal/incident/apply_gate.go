package incident

import (
	"fmt"
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
		return i.withheld(b)
	case *Proposed:
		return i.proposed(b)
	case *Clicked:
		return i.clicked(b)
	case *Voted:
		return i.voted(b)
	case *Refused:
		i.settle(b.Click)
	case *Decided:
		return i.decided(b)
	case *Launched:
		return i.launched(b)
	case *Executed:
		return i.executed(b, at)
	case *Lapsed:
		return i.lapsed(b)
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

func (i *Incident) withheld(b *Withheld) error {
	if b.Attempt == len(i.Attempts)+1 {
		i.Attempts = append(i.Attempts, Attempt{N: b.Attempt, Basis: b.Basis})
		i.Undoing = nil
	}
	cur, err := i.latest(b.Attempt)
	if err != nil {
		return err
	}
	if cur.Proposed != nil {
		return fmt.Errorf("attempt %d was proposed already", b.Attempt)
	}
	cur.Reasons = b.Reasons
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

func (i *Incident) clicked(b *Clicked) error {
	if i.Answered[b.Click] {
		return fmt.Errorf("click %s was written down already", b.Click)
	}
	for _, c := range i.Clicks {
		if c.Click == b.Click {
			return fmt.Errorf("click %s was written down already", b.Click)
		}
	}
	i.Clicks = append(i.Clicks, *b)
	return nil
}

// settle takes a click off the list of those to be judged.
func (i *Incident) settle(click string) (Clicked, bool) {
	for n, c := range i.Clicks {
		if c.Click == click {
			i.Clicks = append(i.Clicks[:n:n], i.Clicks[n+1:]...)
			i.Answered[click] = true
			return c, true
		}
	}
	return Clicked{}, false
}

func (i *Incident) voted(b *Voted) error {
	c, ok := i.settle(b.Click)
	if !ok || c.Verb != b.Verb || c.Digest != b.Digest || c.Person.ID != b.Person.ID {
		return fmt.Errorf("vote without its click %s", b.Click)
	}
	i.Revision++
	switch b.Verb {
	case Manual:
		p := b.Person
		i.Taken = &p
		if cur := i.Current(); cur != nil && cur.Open() {
			cur.Lapsed = "manual"
		}
		i.note(redact.Sprintf("%s takes it over by hand. The buttons are gone; the watch goes on.", b.Person.Name))
		return nil
	case Undo:
		return i.undo(b)
	case Approve, Reject:
	default:
		return fmt.Errorf("verb %q does not exist", b.Verb)
	}
	cur := i.ByDigest(b.Digest)
	if cur == nil || !cur.Open() {
		return fmt.Errorf("vote on %s, which is not open", b.Digest.Short())
	}
	for _, v := range cur.Votes {
		if v.Person.ID == b.Person.ID && v.Person.Team == b.Person.Team {
			return fmt.Errorf("a second vote of the same person")
		}
	}
	cur.Votes = append(cur.Votes, *b)
	if b.Verb == Reject {
		cur.Lapsed = "rejected"
		i.note(redact.Sprintf("%s rejected the fix. Nothing was changed.", b.Person.Name))
	}
	return nil
}

func (i *Incident) undo(b *Voted) error {
	done := i.ByDigest(b.Digest)
	if done == nil || done.Executed == nil || done.Executed.Report.State != StateApplied {
		return fmt.Errorf("nothing of %s can be undone", b.Digest.Short())
	}
	if i.Undoing != nil {
		return fmt.Errorf("an undo was asked for already")
	}
	i.Undoing = b
	return nil
}

// Approvals are the votes for the attempt, in their order.
func (a Attempt) Approvals() []Voted {
	var out []Voted
	for _, v := range a.Votes {
		if v.Verb == Approve {
			out = append(out, v)
		}
	}
	return out
}

func (i *Incident) decided(b *Decided) error {
	cur := i.ByDigest(b.Digest)
	switch {
	case cur == nil || !cur.Open():
		return fmt.Errorf("decision on %s, which is not open", b.Digest.Short())
	case b.Decision.Allow && b.Decision.Quorum < 1:
		return fmt.Errorf("a decision that allows without any vote")
	case b.Decision.Allow && len(cur.Approvals()) < b.Decision.Quorum:
		return fmt.Errorf("%d of %d votes", len(cur.Approvals()), b.Decision.Quorum)
	}
	cur.Decided = b
	if !b.Decision.Allow {
		cur.Lapsed = "refused"
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
