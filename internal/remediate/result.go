package remediate

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Version is the format of a Result.
const Version = 1

// MaxResult is what the kubelet keeps of a termination message, in bytes.
const MaxResult = 4096

// State is what became of an Order. The zero value is that nothing happened.
type State string

// The states. Refused means that a check or the API server said no and the
// target is untouched; Failed that the executor could not tell, which is also
// why it did nothing, unless Code is CodeUnknown.
const (
	Rehearsed State = "rehearsed"
	Applied   State = "applied"
	Refused   State = "refused"
	Failed    State = "failed"
	Probed    State = "probed"
)

// Result is the executor's account of one run.
type Result struct {
	Version     int           `json:"v"`
	Execution   string        `json:"execution,omitempty"`
	Mode        action.Mode   `json:"mode,omitempty"`
	Proposal    action.Hash   `json:"proposal,omitempty"`
	State       State         `json:"state"`
	Code        string        `json:"code,omitempty"`
	Reason      redact.Text   `json:"reason,omitzero"` // one sentence for people
	UID         string        `json:"uid,omitempty"`
	Before      action.Hash   `json:"before,omitempty"`
	After       action.Hash   `json:"after,omitempty"` // predicted by a rehearsal, measured by an execution
	Facts       Facts         `json:"facts,omitzero"`
	Probes      []Attempt     `json:"probes,omitempty"`
	Diff        redact.Text   `json:"diff,omitzero"`         // unified, of the bound part as YAML
	DiffMissing int           `json:"diffMissing,omitempty"` // hunks that did not fit or show nothing after redaction
	ServerTime  time.Time     `json:"serverTime,omitzero"`   // of the API server's last answer
	Took        time.Duration `json:"took,omitempty"`        // nanoseconds, in whole milliseconds
}

// Facts are what an executor saw of the target and around it: the gate's only
// eyes on it.
type Facts struct {
	NamespaceLabels []Label       `json:"namespaceLabels,omitempty"` // countersign.dev/* and team labels
	Owners          []action.Ref  `json:"owners,omitempty"`          // nearest first; the last may be known by its reference alone
	ManagedBy       redact.Text   `json:"managedBy,omitzero"`        // Argo CD, Flux or an operator: a patch would be reverted
	Helm            redact.Text   `json:"helm,omitzero"`             // release whose next upgrade undoes the change
	Autoscaler      redact.Text   `json:"autoscaler,omitzero"`
	Budget          redact.Text   `json:"budget,omitzero"`
	Ready           int           `json:"ready"`
	Desired         int           `json:"desired"`
	ImageRanBefore  bool          `json:"imageRanBefore,omitempty"`
	Editors         []redact.Text `json:"editors,omitempty"` // field managers of the bound part, latest first
}

// Label is one label of the target's namespace.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Encode gives the termination message, never longer than MaxResult. What does
// not fit goes in this order: hunks of the diff from the end (counted), facts,
// the reason's tail.
func (r Result) Encode() []byte {
	hunks := splitHunks(r.Diff)
	for len(hunks) > 0 {
		if raw, ok := r.encoded(); ok {
			return raw
		}
		hunks = hunks[:len(hunks)-1]
		r.Diff = redact.Join("\n", hunks...)
		r.DiffMissing++
	}
	for _, shrink := range []func(*Result){
		func(*Result) {},
		func(r *Result) { r.Facts.Editors, r.Facts.Owners = nil, nil },
		func(r *Result) { r.Reason = r.Reason.Truncate(120) },
		func(r *Result) { r.Facts, r.Probes = Facts{}, nil },
	} {
		shrink(&r)
		if raw, ok := r.encoded(); ok {
			return raw
		}
	}
	least := Result{
		Version: r.Version, Execution: r.Execution, Mode: r.Mode, Proposal: r.Proposal, State: r.State,
		Code: r.Code, UID: r.UID, Before: r.Before, After: r.After, DiffMissing: r.DiffMissing,
	}
	raw, _ := least.encoded()
	return raw[:min(len(raw), MaxResult)]
}

func (r Result) encoded() (raw []byte, fits bool) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, false
	}
	raw = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	return raw, len(raw) <= MaxResult
}

// splitHunks cuts a unified diff before each of its @@ lines. No other line of
// a diff starts with @: content lines start with a blank, + or -.
func splitHunks(diff redact.Text) []redact.Text {
	var hunks []redact.Text
	var current []redact.Text
	for _, line := range diff.Lines() {
		if strings.HasPrefix(line.String(), "@@") && len(current) > 0 {
			hunks = append(hunks, redact.Join("\n", current...))
			current = nil
		}
		current = append(current, line)
	}
	if len(current) > 0 {
		hunks = append(hunks, redact.Join("\n", current...))
	}
	return hunks
}

var (
	execution    = regexp.MustCompile(action.NamePattern)
	codePattern  = regexp.MustCompile(`^[a-z][a-z-]{0,31}$`)
	labelPattern = regexp.MustCompile(`^[0-9A-Za-z]?[-0-9A-Za-z_./]{0,316}$`)
)

var (
	ownerVersion = regexp.MustCompile(`^[a-z0-9./-]{1,120}$`)
	ownerKind    = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z]{0,62}$`)
	ownerName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	ownerUID     = regexp.MustCompile(`^[0-9a-f-]{0,36}$`)
)
