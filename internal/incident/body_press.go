package incident

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Person is who pressed or typed, as Slack says it, and the display name at
// that time. Only ID, Team and Enterprise identify.
type Person struct {
	ID         string      `json:"id"`
	Team       string      `json:"team"`
	Enterprise string      `json:"enterprise,omitempty"`
	Name       redact.Text `json:"name,omitempty"`
}

// Is reports whether both are the same person; names do not tell.
func (p Person) Is(other Person) bool { return p.ID == other.ID && p.Team == other.Team }

// Verb is what a click asks for. The zero value asks for nothing.
type Verb string

// The verbs.
const (
	Approve Verb = "approve"
	Reject  Verb = "reject"
	Manual  Verb = "manual"
	Undo    Verb = "undo"
	Edit    Verb = "edit"   // offer the same change with other parameters instead
	Review  Verb = "review" // look at what was done with broken glass, and say so

	// These are commands; no button has them and no vote.
	StopAll    Verb = "stop"
	ResumeAll  Verb = "resume"
	BreakGlass Verb = "break-glass"
)

// Via is how a press reached us. The zero value is a button in Slack.
type Via string

// The ways.
const (
	ViaButton Via = ""
	ViaForm   Via = "form"      // a form in Slack, opened from a button
	ViaSigned Via = "signature" // the command line, with a signature outside Slack
)

// Clicked is a press on a button, written down before it is acknowledged.
type Clicked struct {
	Click     string      `json:"click"` // unique for the press: message, person, action time
	Verb      Verb        `json:"verb"`
	Digest    action.Hash `json:"digest"`
	Person    Person      `json:"person"`
	Channel   string      `json:"channel"`
	Message   string      `json:"message"` // ts of the message that held the button
	Genuine   bool        `json:"genuine"` // the blocks in the click are those that we posted
	ReplyURL  string      `json:"replyURL,omitempty"`
	PressedAt time.Time   `json:"pressedAt"`
	Verdict   *Verdict    `json:"verdict,omitempty"` // of verb verdict
	Said
}

// Said is what came with a press, beyond that it was pressed.
type Said struct {
	Via       Via               `json:"via,omitempty"`
	Reason    redact.Text       `json:"reason,omitzero"`
	Params    *action.Params    `json:"params,omitempty"`    // of verb edit
	Signature *action.Signature `json:"signature,omitempty"` // of ViaSigned
}
