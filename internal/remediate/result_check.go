package remediate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

// DecodeResult reads a termination message. It refuses unknown fields, values
// out of form and anything longer than MaxResult: a Result that cannot be read
// is no Result.
func DecodeResult(raw []byte) (Result, error) {
	if len(raw) > MaxResult {
		return Result{}, fmt.Errorf("the result has %d bytes, %d are allowed", len(raw), MaxResult)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var r Result
	if err := dec.Decode(&r); err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Result{}, errors.New("decode result: trailing data")
	}
	if err := r.check(); err != nil {
		return Result{}, fmt.Errorf("decode result: %w", err)
	}
	return r, nil
}

func (r Result) check() error {
	switch r.State {
	case Rehearsed, Applied, Refused, Failed, Probed:
	default:
		return errors.New("it has no known state")
	}
	switch r.Mode {
	case action.Rehearse, action.Apply, action.Probe, "":
	default:
		return errors.New("it has no known mode")
	}
	if r.Version != Version {
		return fmt.Errorf("version %d is not %d", r.Version, Version)
	}
	if r.Execution != "" && !execution.MatchString(r.Execution) || len(r.UID) > 36 {
		return errors.New("it names no execution or object")
	}
	if r.Code != "" && !codePattern.MatchString(r.Code) {
		return errors.New("its code is malformed")
	}
	for _, h := range []action.Hash{r.Proposal, r.Before, r.After} {
		if h != "" && !h.Valid() {
			return errors.New("a hash in it is malformed")
		}
	}
	if r.DiffMissing < 0 || r.Took < 0 || r.Facts.Ready < 0 || r.Facts.Desired < 0 {
		return errors.New("a count in it is negative")
	}
	if !r.ServerTime.IsZero() && r.ServerTime.Location() != time.UTC {
		return errors.New("its time is not UTC")
	}
	for _, o := range r.Facts.Owners {
		if !plain(o) {
			return errors.New("an owner in it is malformed")
		}
	}
	for _, l := range r.Facts.NamespaceLabels {
		if l.Key == "" || !labelPattern.MatchString(l.Key) || !labelPattern.MatchString(l.Value) {
			return errors.New("a label in it is malformed")
		}
	}
	return r.consistent()
}

// plain tells whether a reference is what Kubernetes' own kinds look like. The
// API server checks owner references no further than that they are not empty,
// so that whoever makes a pod can write prose into them.
func plain(o action.Ref) bool {
	return ownerVersion.MatchString(o.APIVersion) && ownerKind.MatchString(o.Kind) && ownerName.MatchString(o.Name) &&
		ownerUID.MatchString(o.UID) && (o.Namespace == "" || ownerName.MatchString(o.Namespace))
}

// consistent holds what the states promise to whoever reads them.
func (r Result) consistent() error {
	switch {
	case r.State == Rehearsed && (r.Mode != action.Rehearse || !r.Before.Valid() || r.UID == ""):
		return errors.New("a rehearsal that does not say what it measured")
	case r.State == Applied && (r.Mode != action.Apply || r.UID == ""):
		return errors.New("an execution that does not say on what")
	case r.State == Probed && r.Mode != action.Probe:
		return errors.New("a probe in another mode")
	}
	return nil
}
