package incident

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Ask is a read that a model may ask for. The zero value is none of them.
type Ask string

// The closed list of what may be asked for. Each is a read of the cluster, and
// none reads a value of a Secret or of a ConfigMap.
const (
	AskLog         Ask = "log"          // the end of a container's log
	AskPreviousLog Ask = "previous-log" // the same of the container before its last restart
	AskEvents      Ask = "events"
	AskDescribe    Ask = "describe"   // spec and status in short
	AskNeighbours  Ask = "neighbours" // what is above, below and beside an object
)

// Asks lists what may be asked for.
func Asks() []Ask { return []Ask{AskLog, AskPreviousLog, AskEvents, AskDescribe, AskNeighbours} }

// Question is one read about one object of a case.
type Question struct {
	Ask    Ask
	Object action.Ref
	// Container is whose log is asked for; empty for the one that tells most.
	Container string
}

// Answer is what a Question brought: evidence that has no id yet, with the
// objects that it names, or the reason why there is none.
type Answer struct {
	Evidence Evidence
	Objects  []action.Ref
	Refused  redact.Text
}
