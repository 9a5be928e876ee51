package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Type names an event type. A type is never renamed: audit logs hold it.
type Type string

// TypeClosed is the type that ends an incident; stores free its fingerprint.
const TypeClosed Type = "closed"

// Body is the sealed sum of what events say.
type Body interface{ Type() Type }

// owners is the table that gives every event type to one role, and with it the
// right to append it.
var owners = map[Type]Role{
	"opened": Watcher, "signalled": Watcher, "collected": Watcher, "explaining": Watcher, "explained": Watcher,
	"cleared": Watcher, "observed": Watcher, "concluded": Watcher, "closed": Watcher, "kept": Watcher,
	"asked": Gate, "posting": Gate, "posted": Gate, "rehearsing": Gate, "rehearsed": Gate, "proposed": Gate,
	"withheld": Gate, "clicked": Gate, "voted": Gate, "refused": Gate, "decided": Gate, "launched": Gate,
	"executed": Gate, "lapsed": Gate, "glass": Gate, "steered": Gate, "adopted": Gate, "storm": Gate, "gathered": Gate, "verdict": Gate,
}

// newBody makes an empty body to decode into; nil for an unknown type.
func newBody(t Type) Body {
	for _, b := range []Body{
		&Opened{}, &Signalled{}, &Collected{}, &Explaining{}, &Explained{}, &Cleared{}, &Observed{}, &Concluded{}, &Closed{},
		&Asked{}, &Posting{}, &Posted{}, &Rehearsing{}, &Rehearsed{}, &Proposed{}, &Withheld{}, &Clicked{}, &Voted{},
		&Refused{}, &Decided{}, &Launched{}, &Executed{}, &Lapsed{}, &Glass{}, &Steered{}, &Adopted{}, &Storm{}, &Gathered{}, &Verdict{}, &Kept{},
	} {
		if b.Type() == t {
			return b
		}
	}
	return nil
}

// Opened starts an incident. QuietUntil holds back the card of a finding that
// was announced a short while ago.
type Opened struct {
	Fingerprint string    `json:"fingerprint"`
	Signal      Signal    `json:"signal"`
	QuietUntil  time.Time `json:"quietUntil,omitzero"`
}

// Signalled adds a symptom or an object that the incident did not have.
type Signalled struct {
	Signal Signal `json:"signal"`
}

// Collected is one look: the evidence and what the rules make of it.
type Collected struct {
	Evidence  []Evidence  `json:"evidence"`
	Digest    action.Hash `json:"digest"` // of the evidence; a new one reopens the question
	Diagnosis Diagnosis   `json:"diagnosis"`
}

// Explaining is written before a model is called, so that a crash cannot hide
// the call.
type Explaining struct {
	Key   string `json:"key"`
	Model string `json:"model"`
}

// Explained is what came back from the model: hypotheses, or why there are none.
type Explained struct {
	Key        string       `json:"key"`
	Evidence   action.Hash  `json:"evidence"` // the digest it was asked about
	Model      string       `json:"model"`
	Hypotheses []Hypothesis `json:"hypotheses,omitempty"`
	Failure    redact.Text  `json:"failure,omitempty"`
	// Gained is what was read because the model asked; its ids go on where those
	// of the collection end. Questions counts what was asked, refused ones too.
	Gained        []Evidence `json:"gained,omitempty"`
	Questions     int        `json:"questions,omitempty"`
	PromptVersion string     `json:"promptVersion,omitempty"`
	Calls         int        `json:"calls,omitempty"`
	Prompt        int        `json:"promptTokens"`
	Answer        int        `json:"answerTokens"`
	Took          int64      `json:"tookMillis"`
}

// Cleared says that a look found nothing wrong any more.
type Cleared struct {
	Ready   int `json:"ready"`
	Desired int `json:"desired"`
}

// Observed is a change seen while a fix is being verified.
type Observed struct {
	Healthy   bool        `json:"healthy"`
	Ready     int         `json:"ready"`
	Desired   int         `json:"desired"`
	Cause     Cause       `json:"cause,omitempty"` // what stands now, if anything
	Bound     action.Hash `json:"bound,omitempty"` // of the live target
	Summary   redact.Text `json:"summary,omitempty"`
	Progress  bool        `json:"progress,omitempty"` // a rollout is under way
	Execution string      `json:"execution"`
}

// Result of a verification.
type Result string

// The results. The zero value is none.
const (
	Recovered Result = "recovered"
	Worse     Result = "worse"
	Unchanged Result = "unchanged"
	Undone    Result = "undone"
)

// Concluded ends a verification.
type Concluded struct {
	Execution string      `json:"execution"`
	Result    Result      `json:"result"`
	Summary   redact.Text `json:"summary"`
}

// Closed ends the incident.
type Closed struct {
	Why string `json:"why"` // cleared, recovered, answered
}

// Asked starts an inquiry: a person wants to know why, nothing has signalled.
type Asked struct {
	Subject action.Ref `json:"subject"` // as named; the UID comes with the look
	Person  Person     `json:"person"`
	Channel string     `json:"channel"`
	Thread  string     `json:"thread,omitempty"`
	Respond string     `json:"respond,omitempty"` // where the answer goes instead of a thread
}

func (*Opened) Type() Type     { return "opened" }
func (*Signalled) Type() Type  { return "signalled" }
func (*Collected) Type() Type  { return "collected" }
func (*Explaining) Type() Type { return "explaining" }
func (*Explained) Type() Type  { return "explained" }
func (*Cleared) Type() Type    { return "cleared" }
func (*Observed) Type() Type   { return "observed" }
func (*Concluded) Type() Type  { return "concluded" }
func (*Closed) Type() Type     { return TypeClosed }
func (*Asked) Type() Type      { return "asked" }
func (*Posting) Type() Type    { return "posting" }
func (*Posted) Type() Type     { return "posted" }
func (*Rehearsing) Type() Type { return "rehearsing" }
func (*Rehearsed) Type() Type  { return "rehearsed" }
func (*Proposed) Type() Type   { return "proposed" }
func (*Withheld) Type() Type   { return "withheld" }
func (*Clicked) Type() Type    { return "clicked" }
func (*Voted) Type() Type      { return "voted" }
func (*Refused) Type() Type    { return "refused" }
func (*Decided) Type() Type    { return "decided" }
func (*Launched) Type() Type   { return "launched" }
func (*Executed) Type() Type   { return "executed" }
func (*Lapsed) Type() Type     { return "lapsed" }
