package incident

import (
	"fmt"
	"time"
)

// reportPoll is how often a Job's end is looked for; the launcher answers from
// its watch, so that a poll costs no request.
const reportPoll = 250 * time.Millisecond

// cardPace is the least time between two updates of one card. Slack takes 50
// updates a minute from the whole app; what changes faster is shown at once.
const cardPace = time.Second

// TurnPace is how often a finding whose card is over budget asks again.
const TurnPace = 15 * time.Second

var cardKey = fmt.Sprintf("%d:%s", DoCard, CardSlot)

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
	card, posted := i.Thread()
	if i.Storm != nil {
		if i.Storm.Over && posted && card.Revision >= i.Revision {
			d.add(Look, DoClose, "over")
		}
		return
	}
	if i.Steered != nil {
		if i.Steered.first() || posted && card.Revision >= i.Revision && !i.Waiting() && !i.Agreeing() {
			d.add(Look, DoClose, "announced")
		}
		return
	}
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
	if i.Inquiry != nil || d.keep() {
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
	if cur := i.Current(); i.ClearedAt.IsZero() || len(i.Clicks) > 0 || i.Undoing != nil || i.Editing != nil ||
		i.ReviewOwed() || cur != nil && cur.underWay() {
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

func (d *due) act() {
	i, cur := d.i, d.i.Current()
	held := d.rules.held()
	if held {
		d.wake(d.now.Add(reportPoll))
	}
	switch {
	case held && (cur == nil || !cur.Running() && cur.Rehearsed()):
		return // only what runs is followed
	case held && cur.Running():
		d.every(reportPoll, Act, DoReport, cur.Launched.Job)
	case held:
		d.every(reportPoll, Act, DoRehearsal, cur.Rehearsal.Job)
	case len(i.Clicks) > 0:
		d.add(Act, DoJudge, i.Clicks[0].Click)
	case i.Agreeing():
		d.add(Act, DoAdopt, string(i.Steered.New))
	case i.Steered != nil, i.Storm != nil:
		return
	case cur != nil && cur.Decided != nil && cur.Decided.Decision.Allow && cur.Launched == nil && cur.Lapsed == "":
		if d.rules.Halted() != "" {
			d.add(Act, DoLapse, LapsedHalted)
			return
		}
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
	case i.Editing != nil:
		d.add(Act, DoPlan, "edit:"+i.Editing.Click)
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
	case d.rules.Halted() != "":
		why = LapsedHalted
	case d.rules.policy() != "" && cur.Proposed.Terms.Policy != d.rules.policy():
		why = LapsedPolicy
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
