package incident

import (
	"fmt"
	"reflect"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

func (i *Incident) clicked(b *Clicked) error {
	if i.Answered[b.Click] {
		return fmt.Errorf("click %s was written down already", b.Click)
	}
	for _, c := range i.Clicks {
		if c.Click == b.Click {
			return fmt.Errorf("click %s was written down already", b.Click)
		}
	}
	if b.Verb == Judge {
		return i.said(b)
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
	if !ok || c.Verb != b.Verb || c.Digest != b.Digest || !c.Person.Is(b.Person) || !sameSaid(c.Said, b.Said) {
		return fmt.Errorf("vote without its click %s", b.Click)
	}
	i.Revision++
	if i.Steered != nil {
		return i.agreed(b)
	}
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
	case Edit:
		return i.edit(b)
	case Review:
		return i.review(b)
	case Approve, Reject:
	default:
		return fmt.Errorf("verb %q does not exist", b.Verb)
	}
	cur := i.ByDigest(b.Digest)
	if cur == nil || !cur.Open() {
		return fmt.Errorf("vote on %s, which is not open", b.Digest.Short())
	}
	for n, v := range cur.Votes {
		switch {
		case !v.Person.Is(b.Person):
		case v.Verb == Approve && b.Verb == Approve && v.Signature == nil && b.Signature != nil:
			cur.Votes[n] = *b // the same vote, signed now
			return nil
		default:
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

// counted is how many approvals count: who asked for the change does not.
func (a Attempt) counted() int {
	n := 0
	for _, v := range a.Approvals() {
		if a.Rehearsal.Requester.ID == "" || !v.Person.Is(a.Rehearsal.Requester) {
			n++
		}
	}
	return n
}

// sameSaid keeps a vote from saying more than its press did.
func sameSaid(a, b Said) bool {
	return a.Via == b.Via && a.Reason.String() == b.Reason.String() &&
		reflect.DeepEqual(a.Params, b.Params) && reflect.DeepEqual(a.Signature, b.Signature)
}

// edit takes the offer back for one with other parameters; votes for it are void.
func (i *Incident) edit(b *Voted) error {
	cur := i.ByDigest(b.Digest)
	switch {
	case cur == nil || !cur.Open():
		return fmt.Errorf("edit of %s, which is not open", b.Digest.Short())
	case b.Params == nil:
		return fmt.Errorf("edit without parameters")
	}
	cur.Lapsed = "edited"
	i.Editing = b
	i.note(redact.Sprintf("%s edited the change. Votes for the first one are void; the new one is rehearsed, and somebody else has to approve it.", b.Person.Name))
	return nil
}

// broken opens the glass. It calls people by name and owes a review.
func (i *Incident) broken(b *Glass, at time.Time) error {
	switch {
	case i.GlassOpen(at):
		return fmt.Errorf("the glass is broken already")
	case i.ReviewOwed():
		return fmt.Errorf("the last change with broken glass was not reviewed")
	}
	i.Glass, i.GlassUsed, i.Reviewed = b, "", nil
	i.Notes = append(i.Notes, Note{
		Slot: fmt.Sprintf("note:%d", len(i.Notes)+1), Page: b.Page,
		Text: redact.Sprintf("BREAK-GLASS by %s until %s: %s. One change may be approved alone. Somebody else has to review it.",
			b.Person.Name, redact.Name(b.ExpiresAt.UTC().Format("15:04 MST")), b.Reason),
	})
	i.Revision++
	return nil
}

// GlassOpen reports whether the glass is broken and neither used nor expired.
func (i Incident) GlassOpen(now time.Time) bool {
	return i.Glass != nil && i.GlassUsed == "" && now.Before(i.Glass.ExpiresAt)
}

// ReviewOwed reports whether somebody still has to look at what was done with
// broken glass.
func (i Incident) ReviewOwed() bool { return i.GlassUsed != "" && i.Reviewed == nil }

func (i *Incident) review(b *Voted) error {
	switch {
	case !i.ReviewOwed():
		return fmt.Errorf("no review is owed")
	case b.Person.Is(i.Glass.Person):
		return fmt.Errorf("who broke the glass cannot review it")
	}
	p := b.Person
	i.Reviewed = &p
	i.note(redact.Sprintf("%s reviewed the break-glass change.", b.Person.Name))
	return nil
}

// agreed counts a person's agreement to what was steered.
func (i *Incident) agreed(b *Voted) error {
	s := i.Steered
	switch {
	case b.Verb != Approve && b.Verb != Reject:
		return fmt.Errorf("%s on what is no incident", b.Verb)
	case b.Digest != s.New || !i.Waiting():
		return fmt.Errorf("agreement to %s, which does not wait for any", b.Digest.Short())
	}
	if b.Verb == Reject {
		i.Rejected = &b.Person
		return nil
	}
	for _, p := range i.Agreed {
		if p.Is(b.Person) {
			return fmt.Errorf("a second vote of the same person")
		}
	}
	i.Agreed = append(i.Agreed, b.Person)
	return nil
}

// Waiting reports whether what was steered still waits for people to agree.
func (i Incident) Waiting() bool {
	return i.Steered != nil && len(i.Agreed) < i.Steered.Agree && i.Rejected == nil && i.Closed == ""
}

// Agreeing reports whether enough people agreed to what was steered and it is
// not in force yet.
func (i Incident) Agreeing() bool {
	return i.Steered != nil && i.Steered.Agree > 0 && len(i.Agreed) >= i.Steered.Agree && i.Adopted == nil
}
