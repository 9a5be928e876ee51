package incident_test

import (
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// TestWhatAModelGainedStaysWithWhatItCites replays how an explanation comes and
// a later look replaces the evidence.
func TestWhatAModelGainedStaysWithWhatItCites(t *testing.T) {
	evidence := func(ids ...string) (out []incident.Evidence) {
		for _, id := range ids {
			out = append(out, incident.Evidence{ID: id, Kind: "log", Text: redact.Literal("a line")})
		}
		return out
	}
	ids := func(list []incident.Evidence) (out string) {
		for _, e := range list {
			out += e.ID + " "
		}
		return out
	}
	i, version := incident.Incident{}, 0
	apply := func(role incident.Role, b incident.Body) {
		t.Helper()
		version++
		var err error
		i, err = i.Apply(incident.Event{Incident: "i0123456789ab", Version: version, At: time.Unix(int64(version), 0), Role: role, Type: b.Type(), Body: b})
		if err != nil {
			t.Fatal(err)
		}
	}
	one, two := action.Hash("one"), action.Hash("two")
	apply(incident.Watcher, &incident.Opened{})
	apply(incident.Watcher, &incident.Collected{Evidence: evidence("e1", "e2"), Digest: one})
	apply(incident.Watcher, &incident.Explained{Evidence: one, Gained: evidence("e3")})
	if got := ids(i.Weighed); got != "e1 e2 e3 " || ids(i.Evidence) != "e1 e2 " {
		t.Errorf("weighed %s, evidence %s", got, ids(i.Evidence))
	}
	apply(incident.Watcher, &incident.Collected{Evidence: evidence("e1"), Digest: two})
	if got := ids(i.Weighed); got != "e1 e2 e3 " || ids(i.Evidence) != "e1 " {
		t.Errorf("after another look: weighed %s, evidence %s", got, ids(i.Evidence))
	}
	apply(incident.Watcher, &incident.Explained{Evidence: one, Gained: evidence("e3")})
	if i.Weighed != nil {
		t.Errorf("an answer about an older collection is read against a newer one: %s", ids(i.Weighed))
	}
}
