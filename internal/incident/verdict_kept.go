package incident

import (
	"errors"
	"fmt"
	"slices"
)

// Keeping is what is known of the snapshot that was kept for a case; the
// snapshot itself stands in the record of that version.
type Keeping struct {
	Version int
	Of      Claim
}

// maxKept bounds how many snapshots one incident's stream holds.
const maxKept = 4

// WantsKeeping reports whether what the rules saw has to be kept: the finding
// was announced, and no snapshot of this claim stands in the stream yet.
func (i Incident) WantsKeeping() bool {
	_, posted := i.Thread()
	if !posted || !i.Judgeable() || i.Closed != "" || !i.ClearedAt.IsZero() || len(i.Kept) >= maxKept {
		return false
	}
	digest := i.Diagnosis.claim().Digest()
	return !slices.ContainsFunc(i.Kept, func(k Keeping) bool { return k.Of.Digest() == digest })
}

// claim is what the rules say, unknown among it.
func (d Diagnosis) claim() Claim { return Claim{Cause: d.Cause, Root: d.Root, By: d.Rule} }

func (i *Incident) kept(b *Kept) error {
	if len(i.Kept) >= maxKept {
		return fmt.Errorf("more than %d snapshots", maxKept)
	}
	if len(b.Snapshot.String()) > MaxSnapshot {
		return errors.New("the snapshot is too large to be kept")
	}
	// The events before this one are those up to Version.
	i.Kept = append(i.Kept, Keeping{Version: i.Version + 1, Of: Claim{Cause: b.Cause, Root: b.Root, By: b.Rule}})
	return nil
}

// keep adds the step that keeps what the rules see.
func (d *due) keep() bool {
	before := len(d.steps)
	if d.i.WantsKeeping() {
		d.every(d.rules.Timing.Debounce, Look, DoKeep, d.i.Diagnosis.claim().Digest().Short())
	}
	return len(d.steps) > before
}

// MaxSnapshot bounds a kept snapshot, in bytes.
const MaxSnapshot = 128 << 10
