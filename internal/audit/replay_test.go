package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// streams is a store's records by incident.
type streams map[incident.ID][]incident.Record

func (s streams) After(_ context.Context, id incident.ID, n int) ([]incident.Record, error) {
	if s == nil {
		return nil, errDown
	}
	return s[id][n:], nil
}

func streamsOf(records []incident.Record) streams {
	out := streams{}
	for _, r := range records {
		out[r.Incident] = append(out[r.Incident], r)
	}
	return out
}

func replay(t *testing.T, lines []string, sealer *incident.Sealer, store Store) Replayed {
	t.Helper()
	r, err := Replay(t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"), sealer, store)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReplayRebuildsWhatTheStoreGives(t *testing.T) {
	key, _ := keyOf("k1", 1)
	all := withGate(t, 12)
	head := headOf(t, key, all)
	// The store has moved on since the export.
	live := streamsOf(withGate(t, 15))
	r := replay(t, exported(t, all, &head), sealer, live)
	if len(r.Problems) > 0 || r.Records != 13 || len(r.Incidents) != 3 || !r.Sealed || !r.Compared {
		t.Fatalf("%+v", r)
	}
	for _, b := range r.Incidents {
		state, bad := incident.Replay(live[b.ID][:b.Records], sealer)
		want, err := json.Marshal(state)
		if err != nil || len(bad) > 0 || !bytes.Equal(b.State, want) || state.Version != b.Records {
			t.Errorf("%s: %s, want %s", b.ID, b.State, want)
		}
	}
	if again := replay(t, exported(t, all, nil), nil, nil); again.Sealed || again.Compared || again.Incidents[0].Digest != r.Incidents[0].Digest {
		t.Errorf("without a store and a key: %+v", again)
	}
}

func TestReplayNamesWhatDoesNotAgree(t *testing.T) {
	key, _ := keyOf("k1", 1)
	all := withGate(t, 12)
	head := headOf(t, key, all)
	lines := exported(t, all, &head)
	shorter, other := streamsOf(all), streamsOf(all)
	shorter["i0123456789ab"] = shorter["i0123456789ab"][:3]
	other["i0123456789ab"] = slices.Clone(other["i0123456789ab"])
	other["i0123456789ab"][4].Raw = []byte(`{}`)
	stranger := &incident.Sealer{Key: bytes.Repeat([]byte("s"), 32)}
	for name, c := range map[string]struct {
		lines  []string
		sealer *incident.Sealer
		store  Store
		says   string
	}{
		"a store that lost records":     {lines, sealer, shorter, "incident i0123456789ab: the store has 3 of its 8 records"},
		"a store that lost an incident": {lines, sealer, streams{}, "the store has 0 of its"},
		"a store with another record":   {lines, sealer, other, "incident i0123456789ab: record 5 is another one in the store"},
		"a seal of another key":         {lines, stranger, nil, "incident i00000000ca11: record 1 and what follows is not trusted: the seal is wrong"},
		"a record left out":             {slices.Delete(slices.Clone(lines), 3, 4), sealer, nil, "not trusted: the event does not follow its predecessor"},
		"a record altered":              {altered(lines, 5), sealer, nil, "record 6 does not match its hash"},
		"an event twice":                {append(slices.Clone(lines[:13]), lines[0]), sealer, nil, "not trusted"},
	} {
		r := replay(t, c.lines, c.sealer, c.store)
		if !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, c.says) }) {
			t.Errorf("%s: no problem says %q: %q", name, c.says, r.Problems)
		}
	}
	if _, err := Replay(t.Context(), strings.NewReader(strings.Join(lines, "\n")), sealer, streams(nil)); err == nil {
		t.Error("a store that does not answer agrees")
	}
	if _, err := Replay(t.Context(), strings.NewReader(""), nil, nil); err == nil {
		t.Error("an empty export is replayed")
	}
}

func altered(lines []string, n int) []string {
	out := slices.Clone(lines)
	out[n] = strings.Replace(out[n], `"at":"2026`, `"at":"2027`, 1)
	return out
}

// Somebody who can write into the store must not be able to end the export, or
// to have an honest one called altered.
func TestWhateverStandsInTheStoreIsExportedAsItStands(t *testing.T) {
	key, keys := keyOf("k1", 1)
	for _, raw := range []string{
		"", "{", "}", "hello", "null", "[1]", `{"event":{}}`, "{\n}", "{\"a\":\"<&>\"}", ` {"a":1} `, `{"a":  1}`, "{\"a\":\"\u2028\"}", "\xff\xfe",
		`{"event":{"incident":"i0123456789ab","version":3,"at":"x","role":"watcher","type":"decided","body":{}}}`,
		`{"event":{},"record":{"x":1}}`, `{"a":1}},"record":{{"b":2}`,
	} {
		all := append(records(t, 3), incident.Record{Incident: "i0123456789ab", Version: 3, Raw: []byte(raw)})
		head := headOf(t, key, all)
		r := verify(t, exported(t, all, &head), keys, &head)
		if !r.Signed || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], "line 4: record 4: decode") && !strings.HasPrefix(r.Problems[0], "line 4: record 4: event type") {
			t.Errorf("%q: %+v", raw, r)
		}
	}
}

// The fast reading of a line and of a header takes nothing for what it is not.
func TestTheFastReadingAgreesWithJSON(t *testing.T) {
	for _, r := range installation(t, 1) {
		line := new(bytes.Buffer)
		if err := writeRecord(line, 7, link("", r.Raw), r.Raw); err != nil {
			t.Fatal(err)
		}
		text := bytes.TrimSuffix(line.Bytes(), []byte("\n"))
		var e entry
		if err := json.Unmarshal(text, &e); err != nil {
			t.Fatal(err)
		}
		got, err := readLine(text)
		if err != nil || got.seq != e.Seq || action.Hash(got.hash) != e.Hash || !bytes.Equal(got.raw, e.Record) || !bytes.Equal(got.raw, r.Raw) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		fast, ok := parseHeader(r.Raw)
		slow, err := decodeHeader(r.Raw)
		if !ok || err != nil || fast.version != slow.version || !bytes.Equal(fast.incident, slow.incident) || !bytes.Equal(fast.prev, slow.prev) ||
			!bytes.Equal(fast.role, slow.role) || !bytes.Equal(fast.kind, slow.kind) {
			t.Errorf("%s: %+v %v, %+v %v", r.Raw, fast, ok, slow, err)
		}
	}
	for _, raw := range []string{
		`{"event":{"incident":"i\u0061","version":1,"at":"x","role":"watcher","type":"closed","body":{}}}`,
		`{"event":{"incident":"i","version":01,"at":"x","role":"watcher","type":"closed","body":{}}}`,
		`{"event":{"incident":"i","version":99999999999999999999,"at":"x","role":"watcher","type":"closed","body":{}}}`,
		`{"event":{"version":1,"incident":"i","at":"x","role":"watcher","type":"closed","body":{}}}`,
		`{"event":{"incident":"i","version":1,"at":"x","role":"watcher","type":"closed"}}`,
		`{"event":{"incident":"i","version":1`, `{"event":{"incident":"`, ``,
	} {
		if h, ok := parseHeader([]byte(raw)); ok {
			t.Errorf("%s is read as %+v", raw, h)
		}
	}
}
