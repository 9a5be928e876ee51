package incident

import "github.com/countersign-dev/countersign/internal/action"

// Gathered lists further subjects that fail for this incident's cause: they have
// incidents and no cards of their own. A newer list replaces the one before.
type Gathered struct {
	Subjects []action.Ref `json:"subjects,omitempty"`
	More     int          `json:"more,omitempty"` // that are not listed
}

// Type is the event's type.
func (*Gathered) Type() Type { return "gathered" }
