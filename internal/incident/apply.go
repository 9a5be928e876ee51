package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

// Apply returns the incident after e. A transition that the state does not
// allow is an error and changes nothing. Apply does not check seals: Replay
// hands it authenticated events only.
func (i Incident) Apply(e Event) (Incident, error) {
	next := i.clone()
	var err error
	switch b := e.Body.(type) {
	case *Opened, *Asked, *Steered:
		err = next.begin(e)
	case *Storm:
		err = next.storming(e, b)
	default:
		if i.ID == "" || i.ID != e.Incident {
			return i, fmt.Errorf("%s before the incident is open", e.Type)
		}
		if i.Closed != "" && !i.afterClose(b) {
			return i, fmt.Errorf("%s after the incident is closed", e.Type)
		}
		err = next.advance(b, e.At)
	}
	if err != nil {
		return i, err
	}
	return next, nil
}

func (i *Incident) begin(e Event) error {
	if i.ID != "" {
		return fmt.Errorf("%s in the middle of an incident", e.Type)
	}
	i.ID, i.OpenedAt = e.Incident, e.At
	switch b := e.Body.(type) {
	case *Opened:
		i.Fingerprint, i.Subject, i.QuietUntil = b.Fingerprint, b.Signal.Subject, b.QuietUntil
		i.Signals = append(i.Signals, b.Signal)
	case *Asked:
		i.Inquiry, i.Subject = b, b.Subject
	case *Steered:
		i.Steered = b
	}
	return nil
}

// advance dispatches on the body; each case is a few lines or a function of the
// same name.
func (i *Incident) advance(body Body, at time.Time) error {
	switch b := body.(type) {
	case *Signalled:
		i.Signals = append(i.Signals, b.Signal)
		i.ClearedAt = time.Time{}
	case *Collected:
		return i.collected(b, at)
	case *Explaining:
		i.Asking = b.Key
	case *Explained:
		i.Explained, i.Asking, i.Weighed = b, "", nil
		if b.Evidence == i.EvidenceID {
			i.Weighed = append(slices.Clip(i.Evidence), b.Gained...)
		}
		i.Revision++
	case *Cleared:
		return i.cleared(b, at)
	case *Closed:
		i.Closed, i.ClosedAt = b.Why, at
		i.Revision++
	case *Posting:
		if _, ok := i.Slots[b.Slot]; !ok {
			i.Slots[b.Slot] = Posted{Slot: b.Slot}
		}
	case *Posted:
		i.Slots[b.Slot] = *b
	case *Observed:
		return i.observed(b, at)
	case *Concluded:
		return i.concluded(b)
	case *Kept:
		return i.kept(b)
	default:
		return i.advanceGate(body, at)
	}
	return nil
}

func (i *Incident) collected(b *Collected, at time.Time) error {
	i.LookedAt, i.ClearedAt = at, time.Time{}
	i.Evidence, i.EvidenceID = b.Evidence, b.Digest
	d := b.Diagnosis
	i.Diagnosis = &d
	if i.Subject.UID == "" && d.Object.Kind == i.Subject.Kind {
		i.Subject = d.Object
	}
	i.Revision++
	return nil
}

func (i *Incident) cleared(b *Cleared, at time.Time) error {
	i.LookedAt, i.ClearedAt = at, at
	if i.Diagnosis != nil {
		d := *i.Diagnosis
		d.Ready, d.Desired = b.Ready, b.Desired
		i.Diagnosis = &d
	}
	i.Revision++
	return nil
}

func (i *Incident) observed(b *Observed, at time.Time) error {
	cur := i.Current()
	if cur == nil || !cur.Verifying() || cur.Launched.Job != b.Execution {
		return fmt.Errorf("observation of %s, which is not being verified", b.Execution)
	}
	cur.Observed, cur.SeenAt = b, at
	i.Revision++
	return nil
}

func (i *Incident) concluded(b *Concluded) error {
	cur := i.Current()
	if cur == nil || !cur.Verifying() || cur.Launched.Job != b.Execution {
		return fmt.Errorf("conclusion on %s, which is not being verified", b.Execution)
	}
	cur.Concluded = b
	i.note(b.Summary)
	i.Revision++
	return nil
}

// note adds a line to the thread; its slot is its number.
func (i *Incident) note(t redact.Text) {
	i.Notes = append(i.Notes, Note{Slot: fmt.Sprintf("note:%d", len(i.Notes)+1), Text: t})
}
