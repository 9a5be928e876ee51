package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

func at() time.Time { return time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC) }

func keyOf(id string, fill byte) (action.SigningKey, action.Keys) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
	return action.SigningKey{ID: id, Private: private}, action.Keys{id: private.Public().(ed25519.PublicKey)}
}

// records are two incidents' streams, interleaved, of n events altogether.
func records(t testing.TB, n int) []incident.Record {
	t.Helper()
	type stream struct {
		version int
		head    action.Hash
	}
	streams := map[incident.ID]*stream{"i0123456789ab": {}, "iba9876543210": {}}
	ids := []incident.ID{"i0123456789ab", "i0123456789ab", "iba9876543210"}
	var out []incident.Record
	for len(out) < n {
		id := ids[len(out)%len(ids)]
		s := streams[id]
		var body incident.Body = &incident.Cleared{Ready: len(out), Desired: 3}
		if s.version == 0 {
			body = &incident.Opened{Fingerprint: string(id)}
		}
		r, err := incident.Next(id, s.version, s.head, incident.Watcher, body, at(), nil)
		if err != nil {
			t.Fatal(err)
		}
		s.version, s.head = r.Version, r.Hash()
		out = append(out, r)
	}
	return out
}

// memory is a store's log that a test can damage.
type memory struct {
	mu      sync.Mutex
	records []incident.Record
	err     error
}

func (m *memory) Log(_ context.Context, n, limit int) ([]incident.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	end := min(n+limit, len(m.records))
	return slices.Clone(m.records[min(n, end):end]), nil
}

func (m *memory) set(records []incident.Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.err = records, err
}

// kept is an anchor that counts how often it was written.
type kept struct {
	mu     sync.Mutex
	head   Head
	writes int
	err    error
}

func (k *kept) Read(context.Context) (Head, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.head, k.err
}

func (k *kept) Write(_ context.Context, h Head) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	k.head = h
	k.writes++
	return nil
}

func (k *kept) state() (Head, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.head, k.writes
}

func headOf(t testing.TB, key action.SigningKey, records []incident.Record) Head {
	t.Helper()
	h, err := HeadOf(t.Context(), &memory{records: records}, key, at())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// exported are the lines of an export of records with head.
func exported(t testing.TB, records []incident.Record, head *Head) []string {
	t.Helper()
	var b strings.Builder
	if err := Export(t.Context(), &memory{records: records}, head, &b); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
}

func verify(t *testing.T, lines []string, keys action.Keys, anchor *Head) Report {
	t.Helper()
	r, err := Verify(strings.NewReader(strings.Join(lines, "\n")+"\n"), keys, anchor)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantProblem demands that one of the problems says it.
func wantProblem(t *testing.T, r Report, says string) {
	t.Helper()
	if !slices.ContainsFunc(r.Problems, func(p string) bool { return strings.Contains(p, says) }) {
		t.Errorf("no problem says %q: %q", says, r.Problems)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

var errDown = errors.New("the store is down")

func lineName(n int) string { return fmt.Sprintf("record %d ", n) }
