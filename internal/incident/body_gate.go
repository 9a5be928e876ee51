package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

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
