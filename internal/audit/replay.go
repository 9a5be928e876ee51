package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Store is where the records of a running installation are.
type Store interface {
	// After returns the incident's records after the first n.
	After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error)
}

// Replayed is what an export's records add up to. Problems is empty when every
// record has its place and every state could be rebuilt.
type Replayed struct {
	Records   int       `json:"records"`
	Sealed    bool      `json:"sealed"`   // seals were checked, which needs the gate's key
	Compared  bool      `json:"compared"` // with a store
	Incidents []Rebuilt `json:"incidents"`
	Problems  []string  `json:"problems"`
}

// Rebuilt is one incident's state. State is canonical JSON: structs in the order
// of their fields, maps in the order of their keys.
type Rebuilt struct {
	ID      incident.ID     `json:"incident"`
	Records int             `json:"records"`
	Digest  action.Hash     `json:"digest"`
	State   json.RawMessage `json:"state"`

	Incident incident.Incident `json:"-"`
	Trail    []incident.Record `json:"-"` // the records that it was rebuilt from
}

// Replay rebuilds every incident of an export in two ways, from all its records
// at once and record by record as a running gate reads them, and where store is
// not nil a third time from the store's own records as far as the export goes.
// All states of an incident must be equal as canonical JSON. It holds the whole
// export in memory. sealer is nil where the gate's key is not at hand.
func Replay(ctx context.Context, r io.Reader, sealer *incident.Sealer, store Store) (Replayed, error) {
	out := Replayed{Sealed: sealer != nil, Compared: store != nil}
	records := map[incident.ID][]incident.Record{}
	var order []incident.ID
	v := newVerifier(nil)
	v.each = func(id incident.ID, version int, raw []byte) {
		if records[id] == nil {
			order = append(order, id)
		}
		records[id] = append(records[id], incident.Record{Incident: id, Version: version, Raw: bytes.Clone(raw)})
	}
	v.unsigned = true
	if err := v.run(r); err != nil {
		return Replayed{}, err
	}
	out.Records, out.Problems = v.seq, v.report.Problems
	for _, id := range order {
		rebuilt, problem := rebuild(id, records[id], sealer)
		if problem == "" && store != nil {
			live, err := store.After(ctx, id, 0)
			if err != nil {
				return Replayed{}, err
			}
			problem = rebuilt.differs(records[id], live, sealer)
		}
		if problem != "" {
			out.Problems = append(out.Problems, fmt.Sprintf("incident %s: %s", id, problem))
		}
		out.Incidents = append(out.Incidents, rebuilt)
	}
	return out, nil
}

// rebuild folds the records in both ways.
func rebuild(id incident.ID, records []incident.Record, sealer *incident.Sealer) (Rebuilt, string) {
	out := Rebuilt{ID: id, Records: len(records), Trail: records}
	whole, bad := incident.Replay(records, sealer)
	problem := ""
	if len(bad) > 0 {
		problem = fmt.Sprintf("record %d and what follows is not trusted: %s", bad[0].Version, bad[0].Reason)
	}
	var stepwise incident.Incident
	for n := range whole.Version {
		if stepwise, bad = stepwise.Follow(records[max(n-1, 0):n+1], sealer); len(bad) > 0 {
			return out, fmt.Sprintf("record %d is not trusted when it is read alone: %s", n+1, bad[0].Reason)
		}
	}
	var err error
	if out.State, out.Digest, err = canonical(whole); err != nil {
		return out, err.Error()
	}
	out.Incident = whole
	if _, again, err := canonical(stepwise); problem == "" && (err != nil || again != out.Digest) {
		return out, "two replays of the same records give two states"
	}
	return out, problem
}

// differs says how the store's incident differs from the export's.
func (b Rebuilt) differs(exported, live []incident.Record, sealer *incident.Sealer) string {
	if len(live) < len(exported) {
		return fmt.Sprintf("the store has %d of its %d records", len(live), len(exported))
	}
	for n := range exported {
		if !bytes.Equal(exported[n].Raw, live[n].Raw) {
			return fmt.Sprintf("record %d is another one in the store", n+1)
		}
	}
	state, bad := incident.Replay(live[:len(exported)], sealer)
	_, digest, err := canonical(state)
	if err != nil || len(bad) > 0 || digest != b.Digest {
		return "the store's records give another state"
	}
	return ""
}

func canonical(i incident.Incident) (json.RawMessage, action.Hash, error) {
	raw, err := json.Marshal(i)
	if err != nil {
		return nil, "", fmt.Errorf("encode the state: %w", err)
	}
	sum := sha256.Sum256(raw)
	return raw, action.Hash(hex.EncodeToString(sum[:])), nil
}
