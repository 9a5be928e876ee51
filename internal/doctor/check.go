package doctor

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/countersign-dev/countersign/internal/redact"
)

// State is how a check ended. The zero value is that it could not be made.
type State int

// The states.
const (
	Unknown State = iota
	OK
	Failed
	Skipped // nothing to check in this installation
)

// String is the word in the table and in JSON.
func (s State) String() string {
	switch s {
	case OK:
		return "ok"
	case Failed:
		return "failed"
	case Skipped:
		return "skipped"
	case Unknown:
	}
	return "unknown"
}

// MarshalText writes the word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Check is one line of the table. Remedy is one sentence, where there is
// something to do.
type Check struct {
	Name   string      `json:"name"`
	State  State       `json:"state"`
	Detail redact.Text `json:"detail"`
	Remedy redact.Text `json:"remedy,omitzero"`
}

// Code is the exit code: 1 where something failed, else 2 where something could
// not be checked, else 0.
func Code(checks []Check) int {
	code := 0
	for _, c := range checks {
		switch c.State {
		case Failed:
			return 1
		case Unknown:
			code = 2
		case OK, Skipped:
		}
	}
	return code
}

// row is a Check before its words are redacted.
type row struct {
	name           string
	state          State
	detail, remedy string
}

func good(name, format string, args ...any) row {
	return row{name: name, state: OK, detail: fmt.Sprintf(format, args...)}
}

func bad(name, detail, remedy string) row {
	return row{name: name, state: Failed, detail: detail, remedy: remedy}
}

func skipped(name, detail string) row { return row{name: name, state: Skipped, detail: detail} }

// askAdmin is the remedy for what a person may not look at.
const askAdmin = "run it with a kubeconfig that may do this, as an administrator's may"

// unclear is a check that could not be made.
func unclear(name string, err error, remedy string) row {
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		remedy = askAdmin
	case errors.As(err, &status), remedy != "":
	default:
		remedy = "see that the API server can be reached and run it again"
	}
	return row{name: name, detail: err.Error(), remedy: remedy}
}
