package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Incident is the state that its events add up to. It is a value: Apply returns
// a new one and shares nothing that it changes.
type Incident struct {
	ID      ID
	Version int
	Head    action.Hash // of the last record

	Fingerprint string
	Subject     action.Ref
	OpenedAt    time.Time
	QuietUntil  time.Time
	Inquiry     *Asked // a person asked; nothing signalled
	Signals     []Signal
	Closed      string // why, empty while open
	ClosedAt    time.Time

	// What was seen and made of it.
	LookedAt   time.Time // of the last collection that changed something
	Evidence   []Evidence
	EvidenceID action.Hash
	Diagnosis  *Diagnosis
	Asking     string
	Explained  *Explained
	Weighed    []Evidence // what the explanation cites from; a later look may replace Evidence
	ClearedAt  time.Time

	Gathered Gathered // who else fails for the same cause

	// What stands in Slack. Revision counts changes that the card shows.
	Revision int
	Slots    map[string]Posted
	Notes    []Note

	// The gate.
	Attempts []Attempt
	Clicks   []Clicked // written down, not yet judged
	Answered map[string]bool
	Taken    *Person // who took it over by hand
	Undoing  *Voted  // an undo that was asked for and not yet planned
	Editing  *Voted  // an edit of the offer, not yet planned

	Glass     *Glass      // the last that was broken
	GlassUsed action.Hash // the offer that it let pass
	Reviewed  *Person     // who looked at what was done with it

	// Steered is set in a stream that is no incident, and Agreed who agreed.
	Steered  *Steered
	Agreed   []Person
	Rejected *Person
	Adopted  *Adopted

	Storm *Storm // set in a stream that is no incident either

	// What people say that it was, one verdict each, the latest last; and what
	// was kept for a case. Nothing that decides reads any of it.
	Verdicts []Verdict
	Sayings  []Clicked // presses that say so, written down and not yet heard
	Kept     []Keeping
}

// Note is a line in the thread under the card, made once. Page are the ids of
// those whom it calls by name.
type Note struct {
	Slot string
	Text redact.Text
	Page []string
}

// Attempt is one try at a fix: a candidate, its rehearsal, the offer, the votes
// and what came of them. An undo is an attempt of its own.
type Attempt struct {
	N         int
	Basis     string
	Rehearsal Rehearsing
	Report    *ExecutorReport
	Reasons   []redact.Text // why it was withheld
	Until     time.Time     // withheld until then; zero means for good
	glass     bool          // planned while the glass was broken
	Proposed  *Proposed
	Lapsed    string
	Votes     []Voted
	Decided   *Decided
	Launched  *Launched
	Executed  *Executed
	FixedAt   time.Time // when the execution was reported
	Observed  *Observed
	SeenAt    time.Time // of Observed
	Concluded *Concluded
}

// Open reports whether the attempt waits for votes.
func (a Attempt) Open() bool {
	return a.Proposed != nil && a.Proposed.Button && a.Lapsed == "" && a.Decided == nil
}

// Running reports whether a Job has been ordered and not reported.
func (a Attempt) Running() bool { return a.Launched != nil && a.Executed == nil }

// Rehearsed reports whether the rehearsal ended, or never began.
func (a Attempt) Rehearsed() bool { return a.Report != nil || a.Reasons != nil }

// Verifying reports whether a change was made and its result is still open.
func (a Attempt) Verifying() bool {
	return a.Executed != nil && a.Concluded == nil && (a.Executed.Report.State == StateApplied || a.Executed.Report.State == StateLost)
}

// The states of an executor's report that the state machine knows.
const (
	StateRehearsed = "rehearsed"
	StateApplied   = "applied"
	StateRefused   = "refused"
	StateFailed    = "failed"
	StateLost      = "lost" // the Order expired and no Job tells what became of it
)

// Current is the last attempt, nil when there was none.
func (i Incident) Current() *Attempt {
	if len(i.Attempts) == 0 {
		return nil
	}
	return &i.Attempts[len(i.Attempts)-1]
}

// ByDigest finds the attempt whose proposal has this digest.
func (i Incident) ByDigest(d action.Hash) *Attempt {
	for n := range i.Attempts {
		if p := i.Attempts[n].Proposed; p != nil && d != "" && p.Digest == d {
			return &i.Attempts[n]
		}
	}
	return nil
}

// Thread is where the card stands; ok is false before it does.
func (i Incident) Thread() (card Posted, ok bool) {
	card, ok = i.Slots[CardSlot]
	return card, ok && card.TS != ""
}

// CardSlot is the slot of the card, the root of the thread.
const CardSlot = "card"

// clone copies what Apply may change.
func (i Incident) clone() Incident {
	i.Signals = append([]Signal(nil), i.Signals...)
	i.Notes = append([]Note(nil), i.Notes...)
	i.Attempts = append([]Attempt(nil), i.Attempts...)
	for n := range i.Attempts {
		i.Attempts[n].Votes = append([]Voted(nil), i.Attempts[n].Votes...)
	}
	i.Clicks = append([]Clicked(nil), i.Clicks...)
	i.Agreed = append([]Person(nil), i.Agreed...)
	i.Verdicts = append([]Verdict(nil), i.Verdicts...)
	i.Sayings = append([]Clicked(nil), i.Sayings...)
	i.Kept = append([]Keeping(nil), i.Kept...)
	slots := make(map[string]Posted, len(i.Slots)+1)
	for k, v := range i.Slots {
		slots[k] = v
	}
	i.Slots = slots
	answered := make(map[string]bool, len(i.Answered)+1)
	for k, v := range i.Answered {
		answered[k] = v
	}
	i.Answered = answered
	return i
}
