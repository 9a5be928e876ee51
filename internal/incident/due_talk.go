package incident

import (
	"time"
)

// AnnounceAt is when the card of a finding may appear.
func (rules Rules) AnnounceAt(i Incident) (time.Time, bool) {
	if i.Steered != nil {
		return i.OpenedAt, !i.Steered.first()
	}
	if i.Storm != nil {
		return i.OpenedAt, true
	}
	if i.Inquiry != nil {
		return i.OpenedAt, i.Diagnosis != nil || !i.ClearedAt.IsZero()
	}
	if i.Diagnosis == nil {
		return time.Time{}, false
	}
	t := i.OpenedAt.Add(rules.Timing.Holds.For(i.Diagnosis.Cause))
	if t.Before(i.QuietUntil) {
		t = i.QuietUntil
	}
	return t, true
}

func (d *due) talk() {
	i := d.i
	card, posted := i.Thread()
	if !posted {
		t, ok := d.rules.AnnounceAt(i)
		if !ok || i.Closed != "" || i.Inquiry == nil && !i.ClearedAt.IsZero() {
			return // healed before anybody was told: silence
		}
		// A card that was tried for and is not there waits for its turn.
		if last := d.ran(cardKey); !last.IsZero() && t.Before(last.Add(TurnPace)) {
			t = last.Add(TurnPace)
		}
		d.at(t, Talk, DoCard, CardSlot)
		return
	}
	if card.Revision < i.Revision {
		d.every(cardPace, Talk, DoCard, CardSlot)
		return
	}
	for _, n := range i.Notes {
		if i.Slots[n.Slot].TS == "" {
			d.add(Talk, DoNote, n.Slot)
			return
		}
	}
	d.hear()
}
