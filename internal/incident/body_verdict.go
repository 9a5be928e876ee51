package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Verdict is what a person says that an incident was. It authorises nothing: no
// vote, offer or order reads it. In a press it has neither By nor At nor Of.
type Verdict struct {
	Click string    `json:"click,omitempty"`
	By    Person    `json:"by,omitzero"`
	At    time.Time `json:"at,omitzero"`
	Right bool      `json:"right"`
	// Cause and Root are what it was; of a verdict of right, what the card
	// claimed. An empty Cause says only that the claim was wrong; a Root without a
	// name leaves the object open.
	Cause Cause       `json:"cause,omitempty"`
	Root  action.Ref  `json:"root,omitzero"`
	Words redact.Text `json:"words,omitzero"`
	// Of is the claim that was judged.
	Of Claim `json:"of,omitzero"`
}

// Kept is what the rules looked at when they found what was announced, redacted,
// so that an incident can be replayed as a case. The watcher writes it; like all
// that it writes it authorises nothing.
type Kept struct {
	Cause    Cause       `json:"cause"`
	Root     action.Ref  `json:"root"`
	Rule     string      `json:"rule,omitempty"`
	Subject  action.Ref  `json:"subject"`
	Snapshot redact.Text `json:"snapshot"` // YAML, see kube.Save
	// Missing says why there is no snapshot.
	Missing redact.Text `json:"missing,omitzero"`
}

// Type is the event's type.
func (*Verdict) Type() Type { return "verdict" }

// Type is the event's type.
func (*Kept) Type() Type { return "kept" }
