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
	missing int // 1 and the place of a record that is gone; 0 for none
}

func (m *memory) Log(_ context.Context, n, limit int) ([]incident.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	end := min(n+limit, len(m.records))
	if m.missing > n && m.missing <= end {
		return nil, fmt.Errorf("record %d: %w", m.missing, ErrGone)
	}
	return slices.Clone(m.records[min(n, end):end]), nil
}

func (m *memory) set(records []incident.Record, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records, m.err, m.missing = records, err, 0
}

// fail takes the store away, or gives it back.
func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// gone takes the record at n out of its stream and leaves it in the log.
func (m *memory) gone(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missing = n + 1
}

// kept is an anchor that counts how often it was written. Like the API server
// it refuses a write over what the writer has not read.
type kept struct {
	mu      sync.Mutex
	head    Head
	accept  string
	version int // rises with every change
	read    int // the version that the chain read last
	writes  int
	err     error
	mute    bool // the answers to writes get lost
}

func (k *kept) Read(context.Context) (Kept, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.read = k.version
	return Kept{Head: k.head, Accept: k.accept}, k.err
}

func (k *kept) Write(_ context.Context, h Head) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	if k.read != k.version {
		return errConflict
	}
	k.head, k.accept = h, ""
	k.version++
	k.read = k.version
	k.writes++
	if k.mute {
		return errors.New("EOF")
	}
	return nil
}

func (k *kept) Remedy(accept string) string { return "accept " + accept }

func (k *kept) state() (Head, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.head, k.writes
}

func (k *kept) seq() int   { h, _ := k.state(); return h.Seq }
func (k *kept) count() int { _, n := k.state(); return n }

// lose has the answers to writes get lost, or arrive again.
func (k *kept) lose(mute bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mute = mute
}

// fail takes the anchor away, or gives it back.
func (k *kept) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.err = err
}

// set is somebody else writing the anchor.
func (k *kept) set(h Head, accept string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.head, k.accept, k.err = h, accept, err
	k.version++
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

var (
	errDown     = errors.New("the store is down")
	errConflict = errors.New("somebody else has written")
	sealer      = &incident.Sealer{Key: bytes.Repeat([]byte("k"), 32), Epoch: 1}
)

// withGate are n records of watchers' streams and one incident of the gate's.
func withGate(t testing.TB, n int) []incident.Record {
	t.Helper()
	asked, err := incident.Next("i00000000ca11", 0, "", incident.Gate, &incident.Asked{Channel: "C1"}, at(), sealer)
	if err != nil {
		t.Fatal(err)
	}
	return append(records(t, n), asked)
}

func lineName(n int) string { return fmt.Sprintf("record %d ", n) }
