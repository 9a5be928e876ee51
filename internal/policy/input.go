package policy

import (
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Stage is the question. The zero value is none and is denied.
type Stage string

// The questions.
const (
	Propose Stage = "propose" // may this change be offered at all
	Approve Stage = "approve" // does this person's press count
	Execute Stage = "execute" // may it be carried out now
	Steer   Stage = "steer"   // may this person steer the installation
)

// Execution is one change that was made, for quotas.
type Execution struct {
	Job       string    `json:"job"`
	Namespace string    `json:"namespace"`
	At        time.Time `json:"at"`
}

// Input is what the policy sees. Verb and Voter are set at stage Approve.
type Input struct {
	Stage      Stage               `json:"stage"`
	Now        time.Time           `json:"now"`
	Mode       incident.Mode       `json:"mode"`
	Action     action.Action       `json:"action"`
	Risk       string              `json:"risk"` // of the kind, filled by Decide
	Cause      incident.Cause      `json:"cause"`
	Confidence incident.Confidence `json:"confidence"`
	Facts      incident.Facts      `json:"facts"`
	DiffCut    bool                `json:"diffCut"`
	Rehearsed  bool                `json:"rehearsed"`
	Undo       bool                `json:"undo"`
	Verb       incident.Verb       `json:"verb"`
	Voter      incident.Identity   `json:"voter"`
	Requester  incident.Person     `json:"requester"`
	Approvals  []incident.Person   `json:"approvals"`
	// Signed are the ids of those among Approvals who signed outside Slack.
	Signed []string `json:"signed"`
	// Reason is what the voter gave at stage Approve, or any voter at Execute.
	Reason redact.Text `json:"reason"`
	// Glass is the broken glass of the incident that is still open at Now; of a
	// review, the glass that was used.
	Glass *Glass `json:"glass,omitempty"`
	// History is what was executed lately. The policy sees ChangesLastHour
	// instead, so that a busy cluster does not make a decision slower.
	History []Execution `json:"history,omitempty"`
	// ChangesLastHour in the target's namespace, filled by Decide.
	ChangesLastHour int `json:"changesLastHour"`
	// Freezes are the windows that hold for the target's namespace at Now,
	// filled by Decide.
	Freezes []Frozen `json:"freezes"`
}

// Glass is what the policy sees of broken glass.
type Glass struct {
	Person incident.Person `json:"person"`
	Reason redact.Text     `json:"reason"`
}

// Frozen is a freeze window that holds. Until says in words of its own time zone
// when it ends.
type Frozen struct {
	Name  string    `json:"name"`
	Until string    `json:"until"`
	Ends  time.Time `json:"ends"`
}

// complete fills what the settings and the clock say about a question, and
// makes every field that the policy relies on one that is there.
func (e *Engine) complete(in Input) Input {
	entry, _ := action.Lookup(in.Action.Kind)
	in.Risk, in.Now = entry.Risk.String(), in.Now.UTC()
	in.ChangesLastHour = 0
	for _, run := range in.History {
		if run.Namespace == in.Action.Target.Namespace && in.Now.Sub(run.At) < time.Hour {
			in.ChangesLastHour++
		}
	}
	in.History = nil
	in.Freezes = make([]Frozen, 0, len(e.windows))
	for _, w := range e.windows {
		if f, holds := w.at(in.Action.Target.Namespace, in.Now); holds {
			in.Freezes = append(in.Freezes, f)
		}
	}
	if in.Approvals == nil {
		in.Approvals = []incident.Person{}
	}
	if in.Signed == nil {
		in.Signed = []string{}
	}
	return in
}
