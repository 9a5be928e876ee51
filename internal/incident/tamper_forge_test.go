package incident_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// forger can write everything into the store and has no key of the gate's.
type forger struct {
	*rand.Rand
	tape *tape
	all  []*tape
}

// copied are the tape's records, to be altered.
func (f forger) copied() []incident.Record { return slices.Clone(f.tape.records) }

func (f forger) any(records []incident.Record) int { return f.IntN(len(records)) }

// body is a gate's event that would authorise, or lead to it.
func (f forger) body(at incident.Incident) incident.Body {
	digest, job := bound, "cs-a-x"
	if cur := at.Current(); cur != nil && cur.Proposed != nil {
		digest = cur.Proposed.Digest
		job, _ = action.JobName(action.Apply, cur.Proposed.Terms, 0)
	}
	thief := incident.Person{ID: "U1", Team: "T1"}
	return []incident.Body{
		&incident.Decided{Digest: digest, Decision: incident.Decision{Allow: true, Quorum: 1}},
		&incident.Launched{Digest: digest, Job: job, Order: "b3JkZXI"},
		&incident.Clicked{Click: "forged", Verb: incident.Approve, Digest: digest, Person: thief, Genuine: true},
		&incident.Voted{Click: "forged", Verb: incident.Approve, Digest: digest, Person: thief},
	}[f.IntN(4)]
}

// watchersWord is anything that a watcher may say, at its worst.
func watchersWord(rng *rand.Rand, w *tape) incident.Body {
	other := w.target()
	other.Name, other.UID = "payments", "99999999-2222-3333-4444-555555555555"
	worst := action.Action{Kind: action.SetImage, Target: other, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "evil/web:1"},
	}}
	job := "cs-a-x"
	for _, a := range w.last().Attempts {
		if a.Launched != nil {
			job = a.Launched.Job
		}
	}
	return []incident.Body{
		&incident.Opened{Fingerprint: "forged"},
		&incident.Signalled{Signal: incident.Signal{Symptom: incident.SymptomOOMKilled, Object: other, Subject: other}},
		&incident.Collected{Digest: changed, Diagnosis: incident.Diagnosis{
			Cause: incident.AppError, Root: other, Object: other, Desired: 1, Candidates: []incident.Candidate{{Action: worst}}}},
		&incident.Explaining{Key: "forged"},
		&incident.Explained{Key: "forged", Evidence: changed, Hypotheses: []incident.Hypothesis{{Cause: incident.AppError, Root: other}}},
		&incident.Cleared{Ready: 9, Desired: 9},
		&incident.Observed{Execution: job, Healthy: true, Ready: 9, Desired: 9},
		&incident.Concluded{Execution: job, Result: incident.Recovered, Summary: redact.Literal("All is well.")},
		&incident.Closed{Why: "forged"},
	}[rng.IntN(9)]
}

// alter rewrites the event inside a record's envelope and leaves the seal.
func alter(r incident.Record, change func(event map[string]json.RawMessage)) []byte {
	var env sealed
	var event map[string]json.RawMessage
	if json.Unmarshal(r.Raw, &env) != nil || json.Unmarshal(env.Event, &event) != nil {
		return nil
	}
	change(event)
	var err error
	if env.Event, err = json.Marshal(event); err != nil {
		return nil
	}
	raw, err := json.Marshal(env)
	if err != nil {
		return nil
	}
	return raw
}

// rechain gives the records after n the predecessors and versions that they now
// have. Watchers' records fit again; the gate's keep their seals.
func rechain(records []incident.Record, n int) []incident.Record {
	for ; n < len(records); n++ {
		var prev action.Hash
		if n > 0 {
			prev = records[n-1].Hash()
		}
		raw := alter(records[n], func(e map[string]json.RawMessage) {
			e["version"] = json.RawMessage(fmt.Sprint(n + 1))
			e["prev"] = json.RawMessage(`"` + string(prev) + `"`)
			if prev == "" {
				delete(e, "prev")
			}
		})
		if raw == nil {
			return nil
		}
		records[n].Raw, records[n].Version = raw, n+1
	}
	return records
}

// set is a tampering that sets one field of a random record to what value gives.
func set(field string, value func(forger, map[string]json.RawMessage) string) func(forger) []incident.Record {
	return func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		raw := alter(out[n], func(e map[string]json.RawMessage) { e[field] = json.RawMessage(value(f, e)) })
		out[n].Raw = raw
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, n+1)
	}
}

// sealedBy puts a gate's event after a sound beginning, under another key or none.
func sealedBy(sealer *incident.Sealer, strip string) func(forger) []incident.Record {
	return func(f forger) []incident.Record {
		n := 1 + f.any(f.tape.records)
		at := f.tape.states[n]
		r, err := incident.Next(at.ID, at.Version, at.Head, incident.Gate, f.body(at), f.tape.now, sealer)
		if err != nil {
			return nil
		}
		if strip != "" {
			cut := bytes.LastIndex(r.Raw, []byte(`,"seal":`))
			r.Raw = append(slices.Clone(r.Raw[:cut]), strip...)
		}
		return append(slices.Clone(f.tape.records[:n]), r)
	}
}

// tamperings by name. Each returns the tampered stream, or nil where the record
// it drew does not lend itself.
var tamperings = map[string]func(forger) []incident.Record{
	"a bit flipped": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		raw := bytes.Clone(out[n].Raw)
		raw[f.IntN(len(raw))] ^= 1 << f.IntN(8)
		out[n].Raw = raw
		return out
	},
	"a bit flipped, and the rest chained anew": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		raw := bytes.Clone(out[n].Raw)
		raw[f.IntN(len(raw))] ^= 1 << f.IntN(8)
		out[n].Raw = raw
		return rechain(out, n+1)
	},
	"an earlier record replayed at the end": func(f forger) []incident.Record {
		cut := 1 + f.any(f.tape.records)
		out := slices.Clone(f.tape.records[:cut])
		return append(out, f.tape.records[f.IntN(cut)])
	},
	"an earlier record replayed in the middle, chained anew": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		return rechain(slices.Insert(out, n, out[f.IntN(n+1)]), n)
	},
	"two records in each other's place": func(f forger) []incident.Record {
		out := f.copied()
		a, b := f.any(out), f.any(out)
		out[a], out[b] = out[b], out[a]
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, min(a, b))
	},
	"the end rolled back": func(f forger) []incident.Record {
		return f.copied()[:f.any(f.tape.records)]
	},
	"the end rolled back, a watcher's word after it": func(f forger) []incident.Record {
		n := 1 + f.any(f.tape.records)
		out, i := slices.Clone(f.tape.records[:n]), f.tape.states[n]
		for range 1 + f.IntN(3) {
			r, err := incident.Next(i.ID, i.Version, i.Head, incident.Watcher, watchersWord(f.Rand, f.tape), f.tape.now, nil)
			if err != nil {
				return nil
			}
			out = append(out, r)
			i.Version, i.Head = r.Version, r.Hash()
		}
		return out
	},
	"a watcher's record replaced, the rest chained anew": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		r, err := incident.Next(f.tape.id, n, f.tape.states[n].Head, incident.Watcher, watchersWord(f.Rand, f.tape), f.tape.now, nil)
		if err != nil {
			return nil
		}
		out[n] = r
		return rechain(out, n+1)
	},
	"a record left out": func(f forger) []incident.Record {
		n := f.any(f.tape.records)
		out := slices.Delete(f.copied(), n, n+1)
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, n)
	},
	"a record of another incident": func(f forger) []incident.Record {
		other := f.all[f.IntN(len(f.all))].records
		out := f.copied()
		n := f.any(out)
		r := other[min(n, len(other)-1)]
		if f.IntN(2) == 0 {
			r.Raw = alter(r, func(e map[string]json.RawMessage) { e["incident"] = json.RawMessage(`"` + string(f.tape.id) + `"`) })
		}
		out[n] = r
		return rechain(out, n)
	},
	"another incident's end": func(f forger) []incident.Record {
		other := f.all[f.IntN(len(f.all))].records
		n := 1 + f.any(f.tape.records)
		out := slices.Clone(f.tape.records[:n])
		out = append(out, other[min(n, len(other)):]...)
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, n)
	},
	"another version": set("version", func(f forger, _ map[string]json.RawMessage) string { return fmt.Sprint(f.IntN(40) - 2) }),
	"another predecessor": set("prev", func(f forger, _ map[string]json.RawMessage) string {
		return `"` + string(f.tape.records[f.any(f.tape.records)].Hash()) + `"`
	}),
	"another epoch": set("epoch", func(f forger, _ map[string]json.RawMessage) string { return fmt.Sprint(f.IntN(9)) }),
	"another time": set("at", func(f forger, _ map[string]json.RawMessage) string {
		return `"` + f.tape.now.Add(-time.Hour).Format(time.RFC3339) + `"`
	}),
	"another role": set("role", func(f forger, _ map[string]json.RawMessage) string {
		return []string{`"gate"`, `"watcher"`, `""`, `"Gate"`}[f.IntN(4)]
	}),
	"another incident": set("incident", func(forger, map[string]json.RawMessage) string { return `"i0000000000ff"` }),
	"another type": set("type", func(f forger, _ map[string]json.RawMessage) string {
		return []string{`"decided"`, `"launched"`, `"voted"`, `"cleared"`, `"closed"`, `"collected"`, `"nothing"`}[f.IntN(7)]
	}),
	"another role and type, unsealed": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		raw := alter(out[n], func(e map[string]json.RawMessage) {
			e["role"] = json.RawMessage([]string{`"watcher"`, `"gate"`}[f.IntN(2)])
			e["type"] = json.RawMessage([]string{`"decided"`, `"voted"`, `"closed"`, `"cleared"`}[f.IntN(4)])
		})
		if cut := bytes.LastIndex(raw, []byte(`,"seal":`)); cut > 0 {
			raw = append(slices.Clone(raw[:cut]), '}')
		}
		out[n].Raw = raw
		return rechain(out, n+1)
	},
	"another vote, digest or person": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		swap := [][2]string{{`"reject"`, `"approve"`}, {`"U1"`, `"U9"`}, {`"U2"`, `"U9"`}, {`"allow":false`, `"allow":true`}, {`"quorum":2`, `"quorum":1`}, {`"manual"`, `"approve"`}}[f.IntN(6)]
		out[n].Raw = bytes.ReplaceAll(out[n].Raw, []byte(swap[0]), []byte(swap[1]))
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, n+1)
	},
	"the same in other letters": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		raw := out[n].Raw
		var spaced bytes.Buffer
		switch f.IntN(4) {
		case 0:
			if json.Indent(&spaced, raw, "", " ") != nil {
				return nil
			}
			raw = spaced.Bytes()
		case 1:
			raw = []byte(strings.Replace(string(raw), `"version"`, `"Version"`, 1))
		case 2:
			raw = alter(out[n], func(map[string]json.RawMessage) {}) // fields in the order of their names
		default:
			raw = []byte(strings.Replace(string(raw), `"i0`, `"\u00690`, 1))
		}
		out[n].Raw = raw
		if f.IntN(2) == 0 {
			return out
		}
		return rechain(out, n+1)
	},
	"an event beside the sealed one": func(f forger) []incident.Record {
		n := f.any(f.tape.records)
		at := f.tape.states[n]
		if at.ID == "" {
			return nil
		}
		forged, err := incident.Next(at.ID, at.Version, at.Head, incident.Gate, f.body(at), f.tape.now, thiefSeal)
		if err != nil {
			return nil
		}
		out := f.copied()[:n+1]
		seal := ""
		if cut := bytes.LastIndex(out[n].Raw, []byte(`,"seal":`)); cut > 0 {
			seal = string(out[n].Raw[cut : len(out[n].Raw)-1])
		}
		ours, theirs := string(opened(out[n]).Event), string(opened(forged).Event)
		out[n].Raw = []byte([]string{
			`{"event":` + theirs + `,"event":` + ours + seal + `}`,
			`{"event":` + ours + `,"event":` + theirs + seal + `}`,
			`{"event":` + ours + seal + `,"Event":` + theirs + `}`,
			string(out[n].Raw) + string(forged.Raw),
		}[f.IntN(4)])
		return out
	},
	"the seal dropped, emptied or cut": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		cut := bytes.LastIndex(out[n].Raw, []byte(`,"seal":`))
		if cut < 0 {
			return nil
		}
		seal := string(out[n].Raw[cut+len(`,"seal":"`) : len(out[n].Raw)-2])
		end := []string{`}`, `,"seal":""}`, `,"seal":null}`, `,"seal":"` + seal[:32] + `"}`, `,"seal":"` + strings.ToUpper(seal) + `"}`}[f.IntN(5)]
		out[n].Raw = append(slices.Clone(out[n].Raw[:cut]), end...)
		return out
	},
	"a seal on a watcher's record": func(f forger) []incident.Record {
		out := f.copied()
		n := f.any(out)
		if bytes.Contains(out[n].Raw, []byte(`,"seal":`)) {
			return nil
		}
		out[n].Raw = append(slices.Clone(out[n].Raw[:len(out[n].Raw)-1]), `,"seal":"00"}`...)
		return out
	},
	"a gate's event under another key":  sealedBy(thiefSeal, ""),
	"a gate's event without a seal":     sealedBy(thiefSeal, "}"),
	"a gate's event with an empty seal": sealedBy(thiefSeal, `,"seal":""}`),
	"all of it, sealed under another key": func(f forger) []incident.Record {
		var out []incident.Record
		i := incident.Incident{ID: f.tape.id}
		for _, r := range f.tape.records {
			e, err := incident.Decode(r.Raw)
			if err != nil {
				return nil
			}
			next, err := incident.Next(f.tape.id, i.Version, i.Head, e.Role, e.Body, e.At, thiefSeal)
			if err != nil {
				return nil
			}
			i.Version, i.Head = next.Version, next.Hash()
			out = append(out, next)
		}
		return out
	},
}
