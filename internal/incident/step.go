package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

// Lane is a strand of work in which an incident has at most one step at a time.
type Lane int

// The lanes.
const (
	Look    Lane = iota + 1 // read the cluster
	Explain                 // ask the model
	Talk                    // write to Slack
	Act                     // decide, rehearse, execute
)

// Do is what a step does.
type Do int

// The steps, by lane and role.
const (
	DoLook      Do = iota + 1 // watcher: collect and diagnose
	DoObserve                 // watcher: look at a fix's effect
	DoConclude                // watcher: end a verification
	DoClose                   // watcher: end the incident
	DoExplain                 // watcher: ask the model
	DoCard                    // gate: post or update the card
	DoNote                    // gate: post a line into the thread
	DoJudge                   // gate: answer a click
	DoPlan                    // gate: choose a candidate and rehearse it
	DoRehearsal               // gate: read a rehearsal's report
	DoPropose                 // gate: offer what was rehearsed, or say why not
	DoLapse                   // gate: take an offer back
	DoLaunch                  // gate: sign the order and create the Job
	DoReport                  // gate: read an execution's report
	DoAdopt                   // gate: put into force what people agreed on
	DoKeep                    // watcher: keep what the rules saw, for a case
	DoHear                    // gate: take a person's verdict
)

// Step is one thing to do. Key names it for good; Arg is what it is about
// (a slot, a click, a digest, a reason).
type Step struct {
	Key  string
	Lane Lane
	Do   Do
	Arg  string
}

// Mode is how far remediation goes (requirement C7a). The zero value is off.
type Mode string

// The modes.
const (
	ModeOff     Mode = "off"
	ModePropose Mode = "propose"
	ModeApprove Mode = "approve"
)

// Timing holds every duration of the loop. All are settings.
type Timing struct {
	Holds    Holds
	Debounce time.Duration // between two looks at the same incident
	Offer    time.Duration // how long an approval is open
	Verify   time.Duration // how long a fix must hold
	Rollout  time.Duration // how long a progressing rollout extends that
	Poll     time.Duration // between two looks while verifying
	Quiet    time.Duration // before the same finding is announced again
	Undo     time.Duration // how long a fixed incident stays open for an undo
}

// DefaultTiming is what users were promised.
func DefaultTiming() Timing {
	return Timing{
		Holds: DefaultHolds(), Debounce: 30 * time.Second, Offer: 15 * time.Minute, Verify: 60 * time.Second,
		Rollout: 10 * time.Minute, Poll: time.Second, Quiet: 10 * time.Minute, Undo: 10 * time.Minute,
	}
}

// Rules are what Due needs to know beyond the incident. The functions answer at
// once, from what is in memory.
type Rules struct {
	Timing Timing
	Model  bool                        // a model is configured
	Mode   func(namespace string) Mode // nil means off everywhere
	// Halt is the gate's: one sentence on why nothing may be offered, ordered or
	// rehearsed for now; empty means that nothing forbids it. It must not change
	// while its cause stands.
	Halt func() string
	// Hold is the gate's: whether what Halt says will be settled in seconds, as
	// after a start. Offers and presses wait for it then, and are not lost.
	Hold func() bool
	// Policy is the gate's: the digest of the policy in force.
	Policy func() action.Hash
}

// Halted is the sentence of Halt; nobody to ask means that nothing is halted,
// as for the watcher, which orders nothing.
func (rules Rules) Halted() string {
	if rules.Halt == nil {
		return ""
	}
	return rules.Halt()
}

func (rules Rules) held() bool { return rules.Hold != nil && rules.Hold() }

func (rules Rules) policy() action.Hash {
	if rules.Policy == nil {
		return ""
	}
	return rules.Policy()
}
