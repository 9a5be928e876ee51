package incident

import (
	"errors"
	"time"
)

var errNoStorm = errors.New("the counts of a storm outside of its stream")

// Storm begins a stream that is no incident, and goes on in it: more findings
// stand than there is a budget of cards for. One card counts them all.
type Storm struct {
	Since      time.Time `json:"since"`
	Budget     int       `json:"budget"`  // cards an hour
	Waiting    int       `json:"waiting"` // findings without a card of their own
	Causes     []Tally   `json:"causes,omitempty"`
	Namespaces []Tally   `json:"namespaces,omitempty"`
	Over       bool      `json:"over,omitempty"` // nothing waits any more
}

// Tally counts findings under a name. An empty name gathers the rest.
type Tally struct {
	Name  string `json:"name,omitempty"`
	Count int    `json:"count"`
}

// Type is the event's type.
func (*Storm) Type() Type { return "storm" }

// storming begins the stream or takes over its newer counts.
func (i *Incident) storming(e Event, b *Storm) error {
	if i.ID == "" {
		i.ID, i.OpenedAt = e.Incident, e.At
	} else if i.Storm == nil || i.Storm.Over || i.Closed != "" || i.ID != e.Incident {
		return errNoStorm
	}
	i.Storm = b
	i.Revision++
	return nil
}
