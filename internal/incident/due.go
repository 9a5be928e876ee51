package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

// reportPoll is how often a Job's end is looked for; the launcher answers from
// its watch, so that a poll costs no request.
const reportPoll = 250 * time.Millisecond

// cardPace is the least time between two updates of one card. Slack takes 50
// updates a minute from the whole app; what changes faster is shown at once.
const cardPace = time.Second

// maxTries bounds how often one finding is planned when its target keeps moving.
const maxTries = 3

// Due says which steps the incident needs from role r at now, at most one per
// lane, and when to ask again (zero: only after the next event). ran says when
// this process last ran the step with a key; it paces repeated looks and decides
// nothing else.
func (rules Rules) Due(i Incident, r Role, now time.Time, ran func(key string) time.Time) (steps []Step, again time.Time) {
	d := &due{rules: rules, i: i, now: now, ran: ran}
	switch {
	case i.ID == "":
	case r == Watcher && i.Closed == "":
		d.look()
		d.explain()
	case r == Gate:
		d.talk()
		if i.Closed == "" {
			d.act()
		}
	}
	return d.steps, d.again
}

type due struct {
	rules Rules
	i     Incident
	now   time.Time
	ran   func(string) time.Time
	steps []Step
	again time.Time
}

func (d *due) add(l Lane, do Do, arg string) {
	d.steps = append(d.steps, Step{Key: fmt.Sprintf("%d:%s", do, arg), Lane: l, Do: do, Arg: arg})
}

// at adds the step once its time has come, and asks to be called again if not.
func (d *due) at(t time.Time, l Lane, do Do, arg string) {
	if d.now.Before(t) {
		d.wake(t)
		return
	}
	d.add(l, do, arg)
}

// every adds the step when its last run in this process is at least period ago.
func (d *due) every(period time.Duration, l Lane, do Do, arg string) {
	d.at(d.ran(fmt.Sprintf("%d:%s", do, arg)).Add(period), l, do, arg)
}

func (d *due) wake(t time.Time) {
	if d.again.IsZero() || t.Before(d.again) {
		d.again = t
	}
}

func (d *due) look() {
	i, cur := d.i, d.i.Current()
	if cur != nil && cur.Verifying() {
		if _, ok := d.rules.Verdict(i, d.now); ok {
			d.add(Look, DoConclude, cur.Launched.Job)
			return
		}
		d.every(d.rules.Timing.Poll, Look, DoObserve, cur.Launched.Job)
		return
	}
	if cur != nil && cur.Running() {
		return // what a look finds now may be the change half made
	}
	if why, when, ok := d.rules.ending(i); ok {
		d.at(when, Look, DoClose, why)
		if !d.now.Before(when) {
			return
		}
	}
	// The first look and the one after a new signal do not wait; later ones
	// are a debounce apart.
	fresh := fmt.Sprint(len(i.Signals))
	if d.ran(fmt.Sprintf("%d:%s", DoLook, fresh)).IsZero() && i.ClearedAt.IsZero() {
		d.add(Look, DoLook, fresh)
		return
	}
	if i.Inquiry != nil {
		return // a question is looked into once
	}
	d.every(d.rules.Timing.Debounce, Look, DoLook, fresh)
}

// ending says whether the incident is over, why, and when it may be closed.
func (rules Rules) ending(i Incident) (why string, when time.Time, ok bool) {
	if i.Inquiry != nil {
		card, posted := i.Thread()
		answered := i.Diagnosis != nil || !i.ClearedAt.IsZero()
		return "answered", i.OpenedAt, answered && posted && card.Revision >= i.Revision
	}
	if cur := i.Current(); i.ClearedAt.IsZero() || len(i.Clicks) > 0 || i.Undoing != nil || cur != nil && cur.underWay() {
		return "", time.Time{}, false
	}
	for _, a := range i.Attempts {
		if a.Concluded != nil && a.Concluded.Result == Recovered {
			return "recovered", i.ClearedAt.Add(rules.Timing.Undo), true
		}
	}
	return "cleared", i.ClearedAt.Add(rules.Timing.Debounce), true
}

// underWay reports whether the attempt still waits for something: its
// rehearsal, the offer, votes, the Job, the verification.
func (a Attempt) underWay() bool {
	switch {
	case a.Reasons != nil || a.Lapsed != "":
		return false
	case a.Proposed == nil:
		return true
	case a.Launched == nil:
		return a.Proposed.Button
	}
	return a.Executed == nil || a.Verifying()
}

func (d *due) explain() {
	i := d.i
	if !d.rules.Model || i.Diagnosis == nil || i.Diagnosis.Proven() || !i.ClearedAt.IsZero() {
		return
	}
	if i.Explained != nil && (i.Explained.Evidence == i.EvidenceID || i.Explained.Failure.IsEmpty()) {
		return // one answer per incident; a failure is tried again on new evidence
	}
	d.every(d.rules.Timing.Debounce, Explain, DoExplain, i.EvidenceID.Short())
}

// AnnounceAt is when the card of a finding may appear.
func (rules Rules) AnnounceAt(i Incident) (time.Time, bool) {
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
}

func (d *due) act() {
	i, cur := d.i, d.i.Current()
	switch {
	case len(i.Clicks) > 0:
		d.add(Act, DoJudge, i.Clicks[0].Click)
	case cur != nil && cur.Decided != nil && cur.Decided.Decision.Allow && cur.Launched == nil && cur.Lapsed == "":
		d.add(Act, DoLaunch, string(cur.Proposed.Digest))
	case cur != nil && cur.Running():
		d.every(reportPoll, Act, DoReport, cur.Launched.Job)
	case cur != nil && !cur.Rehearsed():
		d.every(reportPoll, Act, DoRehearsal, cur.Rehearsal.Job)
	case cur != nil && cur.Proposed == nil && cur.Reasons == nil:
		d.add(Act, DoPropose, fmt.Sprint(cur.N))
	case cur != nil && cur.Proposed != nil && cur.Lapsed == "" && cur.Decided == nil && d.lapse(*cur):
	case i.Undoing != nil:
		d.add(Act, DoPlan, "undo:"+i.Undoing.Digest.Short())
	default:
		d.plan()
	}
}

// lapse adds the step that takes an offer back, if it has to be.
func (d *due) lapse(cur Attempt) bool {
	i, undo := d.i, cur.Rehearsal.Undo != ""
	why := ""
	switch {
	case !d.now.Before(cur.Proposed.Terms.ExpiresAt):
		why = "expired"
	case !undo && !i.ClearedAt.IsZero():
		why = "cleared"
	case !undo && i.Diagnosis != nil && i.Diagnosis.Basis() != cur.Basis:
		why = "superseded"
	}
	if why == "" {
		d.wake(cur.Proposed.Terms.ExpiresAt)
		return false
	}
	d.add(Act, DoLapse, why)
	return true
}

// plan adds the step that looks for a fix, once per finding.
func (d *due) plan() {
	i := d.i
	_, posted := i.Thread()
	if !posted || i.Diagnosis == nil || !i.ClearedAt.IsZero() || i.Taken != nil || i.Inquiry != nil ||
		d.rules.mode(i.Subject.Namespace) == ModeOff {
		return
	}
	cur := i.Current()
	if cur != nil && (cur.Open() || cur.Verifying() || cur.Concluded != nil && cur.Concluded.Result == Undone) {
		return // people took the fix back: it is theirs until the incident is over
	}
	basis, tries := i.Diagnosis.Basis(), 0
	for _, a := range i.Attempts {
		if a.Basis != basis {
			continue
		}
		if !a.moved() {
			return
		}
		tries++
	}
	if tries < maxTries {
		d.add(Act, DoPlan, fmt.Sprintf("%s:%d", basis, tries))
	}
}

// moved reports whether the attempt ended because its target had changed, so
// that it is worth planning again.
func (a Attempt) moved() bool {
	return a.Executed != nil && a.Executed.Report.State == StateRefused &&
		(a.Executed.Report.Code == "bound-changed" || a.Executed.Report.Code == "uid-changed" || a.Executed.Report.Code == "conflict")
}

func (rules Rules) mode(namespace string) Mode {
	if rules.Mode == nil {
		return ModeOff
	}
	return rules.Mode(namespace)
}

// Basis names what a fix would be planned for: cause, root and candidates,
// without the times that differ from look to look.
func (d Diagnosis) Basis() string {
	candidates := make([]action.Action, 0, len(d.Candidates))
	for _, c := range d.Candidates {
		a := c.Action
		a.Params.Restart = nil
		candidates = append(candidates, a)
	}
	raw, err := json.Marshal(struct {
		Cause      Cause
		Root       action.Ref
		Candidates []action.Action
		Owner      string
	}{d.Cause, d.Root, candidates, d.Owner.String()})
	if err != nil {
		return "" // cannot happen: plain structs of strings and numbers
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}
