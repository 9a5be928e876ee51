package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Glass is broken by a person with a reason: until it expires, one approval of
// that person carries out one change. Somebody else has to review it.
type Glass struct {
	Person    Person      `json:"person"`
	Reason    redact.Text `json:"reason"`
	ExpiresAt time.Time   `json:"expiresAt"`
	// Page are the ids of those who are called by name.
	Page []string `json:"page,omitempty"`
}

// What was steered. The zero value is nothing.
type What string

// The things that people steer.
const (
	Stop      What = "stop"
	Resume    What = "resume"
	NewPolicy What = "policy"
	Signers   What = "signers"
	NewLog    What = "log" // the store lost records, and an operator accepted what it has
)

// Steered begins a stream that is no incident: somebody changed how the whole
// installation behaves. Old and New are digests of what was changed.
type Steered struct {
	What   What          `json:"what"`
	Person Person        `json:"person,omitzero"` // nobody where it was changed in the cluster
	Reason redact.Text   `json:"reason,omitzero"`
	Old    action.Hash   `json:"old,omitempty"`
	New    action.Hash   `json:"new,omitempty"`
	Wider  []redact.Text `json:"wider,omitempty"` // what it makes easier, in sentences
	// Agree is how many people must agree before it holds; 0 means that it does.
	Agree int `json:"agree,omitempty"`
	// Policy is the text of a new policy, so that what was in force at any time
	// can be read in the log, and survives a restart.
	Policy *PolicyText `json:"policy,omitempty"`
}

// first reports whether it only records what an installation began with: nobody
// has changed anything, so nobody is told.
func (s Steered) first() bool { return s.What == NewPolicy && s.Old == "" }

// PolicyText is what people ruled, as they wrote it.
type PolicyText struct {
	Source   string `json:"source"`   // Rego
	Settings string `json:"settings"` // JSON
	// Signers are the keys of the second factor, in OpenSSH's format.
	Signers string `json:"signers,omitempty"`
}

// Adopted says that what was agreed on is in force, or why it never will be.
type Adopted struct {
	Failure redact.Text `json:"failure,omitzero"`
}

func (*Adopted) Type() Type { return "adopted" }
func (*Glass) Type() Type   { return "glass" }
func (*Steered) Type() Type { return "steered" }
