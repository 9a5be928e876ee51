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
	"cleared": Watcher, "observed": Watcher, "concluded": Watcher, "closed": Watcher,
	"asked": Gate, "posting": Gate, "posted": Gate, "rehearsing": Gate, "rehearsed": Gate, "proposed": Gate,
	"withheld": Gate, "clicked": Gate, "voted": Gate, "refused": Gate, "decided": Gate, "launched": Gate,
	"executed": Gate, "lapsed": Gate, "glass": Gate, "steered": Gate, "adopted": Gate, "storm": Gate,
}

// newBody makes an empty body to decode into; nil for an unknown type.
func newBody(t Type) Body {
	for _, b := range []Body{
		&Opened{}, &Signalled{}, &Collected{}, &Explaining{}, &Explained{}, &Cleared{}, &Observed{}, &Concluded{}, &Closed{},
		&Asked{}, &Posting{}, &Posted{}, &Rehearsing{}, &Rehearsed{}, &Proposed{}, &Withheld{}, &Clicked{}, &Voted{},
		&Refused{}, &Decided{}, &Launched{}, &Executed{}, &Lapsed{}, &Glass{}, &Steered{}, &Adopted{}, &Storm{},
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
	Prompt     int          `json:"promptTokens"`
	Answer     int          `json:"answerTokens"`
	Took       int64        `json:"tookMillis"`
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

// Posting is written before something is posted to Slack.
type Posting struct {
	Slot string `json:"slot"`
}

// Posted says that a slot of the thread ("card", "note:3") stands in Slack.
type Posted struct {
	Slot     string `json:"slot"`
	Channel  string `json:"channel"`
	TS       string `json:"ts"`
	Revision int    `json:"revision"` // of the card that was rendered
}

// Rehearsing is written before a rehearsal's Job is created.
type Rehearsing struct {
	Attempt   int       `json:"attempt"` // counts the incident's attempts from 1
	Basis     string    `json:"basis"`   // Diagnosis.Basis, so that one finding is not planned twice
	Candidate Candidate `json:"candidate"`
	Undo      string    `json:"undo,omitempty"`   // the execution that it takes back
	Edited    bool      `json:"edited,omitempty"` // a person changed the parameters: the requester
	Requester Person    `json:"requester,omitzero"`
	Order     string    `json:"order"` // encoded
	Job       string    `json:"job"`
	ExpiresAt time.Time `json:"expiresAt"` // of the Order
}

// Facts are what an executor saw of a target. They are the gate's only eyes.
type Facts struct {
	NamespaceLabels []Label       `json:"namespaceLabels,omitempty"`
	Owners          []action.Ref  `json:"owners,omitempty"`
	ManagedBy       redact.Text   `json:"managedBy,omitempty"` // GitOps or an operator
	Helm            redact.Text   `json:"helm,omitempty"`
	Autoscaler      redact.Text   `json:"autoscaler,omitempty"`
	Budget          redact.Text   `json:"budget,omitempty"`
	Ready           int           `json:"ready"`
	Desired         int           `json:"desired"`
	Editors         []redact.Text `json:"editors,omitempty"`
}

// Label is one label of a namespace.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// ExecutorReport is the executor's own account of one run.
type ExecutorReport struct {
	State       string      `json:"state"` // rehearsed, applied, refused, failed, lost
	Code        string      `json:"code,omitempty"`
	Reason      redact.Text `json:"reason,omitempty"`
	UID         string      `json:"uid,omitempty"`
	Before      action.Hash `json:"before,omitempty"`
	After       action.Hash `json:"after,omitempty"`
	Facts       Facts       `json:"facts"`
	Diff        redact.Text `json:"diff,omitempty"`
	DiffMissing int         `json:"diffMissing,omitempty"`
	TookMillis  int64       `json:"tookMillis"`
}

// Rehearsed is the report of a rehearsal.
type Rehearsed struct {
	Attempt int            `json:"attempt"`
	Report  ExecutorReport `json:"report"`
}

// Decision is policy's answer. The zero value denies.
type Decision struct {
	Allow       bool          `json:"allow"`
	Reasons     []redact.Text `json:"reasons"`
	Quorum      int           `json:"quorum"`
	Risk        string        `json:"risk,omitempty"`
	NeedsReason bool          `json:"needsReason,omitempty"`
	// Pending says of a denial that only votes or a signature are missing.
	Pending      bool        `json:"pending,omitempty"`
	Until        time.Time   `json:"until,omitzero"` // of a denial that time ends
	PolicyDigest action.Hash `json:"policyDigest"`
	InputDigest  action.Hash `json:"inputDigest"`
}

// Proposed offers terms for approval. Approvers are the names that the card
// shows; who may really approve is decided at the click.
type Proposed struct {
	Attempt   int           `json:"attempt"`
	Terms     action.Terms  `json:"terms"`
	Digest    action.Hash   `json:"digest"`
	Decision  Decision      `json:"decision"`
	Button    bool          `json:"button"` // false in mode propose
	Approvers []redact.Text `json:"approvers,omitempty"`
}

// Withheld says why nothing is offered.
type Withheld struct {
	Attempt int           `json:"attempt"`
	Basis   string        `json:"basis"`
	Reasons []redact.Text `json:"reasons"`
	Until   time.Time     `json:"until,omitzero"` // when to ask again; zero means never
}

// Voted is a click that counts.
type Voted struct {
	Click  string      `json:"click"`
	Verb   Verb        `json:"verb"`
	Digest action.Hash `json:"digest"`
	Person Person      `json:"person"`
	Said
}

// Refused is a click that does not, and the sentence its author was shown.
type Refused struct {
	Click  string      `json:"click"`
	Reason redact.Text `json:"reason"`
}

// Decided is policy's answer to the votes. It authorises only if it allows.
type Decided struct {
	Digest   action.Hash `json:"digest"`
	Decision Decision    `json:"decision"`
	Glass    bool        `json:"glass,omitempty"` // it was the broken glass that let it pass
}

// Launched is written before the executor's Job is created.
type Launched struct {
	Digest    action.Hash `json:"digest"`
	Job       string      `json:"job"`
	Order     string      `json:"order"`
	ExpiresAt time.Time   `json:"expiresAt"`
}

// Executed is the report of an execution.
type Executed struct {
	Job    string         `json:"job"`
	Report ExecutorReport `json:"report"`
}

// Lapsed takes an offer back.
type Lapsed struct {
	Digest action.Hash `json:"digest"`
	Why    string      `json:"why"` // expired, cleared, stale, policy, superseded, halted
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
