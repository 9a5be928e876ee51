package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

type contract interface {
	Open(ctx context.Context, fingerprint string, first incident.Record) (incident.ID, bool, error)
	Append(ctx context.Context, after int, records ...incident.Record) error
	After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error)
	Log(ctx context.Context, n, limit int) ([]incident.Record, error)
	Live(ctx context.Context, keep time.Duration) ([]incident.ID, error)
	Changes(ctx context.Context) (<-chan incident.ID, error)
}

// record makes a watcher's record; a store never looks inside.
func record(t *testing.T, id incident.ID, after int, body incident.Body) incident.Record {
	t.Helper()
	r, err := incident.Next(id, after, action.Hash(""), incident.Watcher, body, time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func stores(t *testing.T) map[string]func(t *testing.T) contract {
	return map[string]func(t *testing.T) contract{
		"memory": func(*testing.T) contract { return store.Memory(time.Now) },
		"file": func(t *testing.T) contract {
			s, err := store.OpenFile(filepath.Join(t.TempDir(), "log"), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
		"redis": func(t *testing.T) contract {
			client := redis.NewClient(&redis.Options{Network: "unix", Addr: redisSocket(t)})
			t.Cleanup(func() { client.Close() })
			return store.NewRedis(client, t.Name())
		},
	}
}

// redisSocket starts a Redis of its own for the test.
func redisSocket(t *testing.T) string {
	t.Helper()
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, the Redis store is not tested here: redis-server is not installed (apt-get install redis-server)")
	}
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(server, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer client.Close()
	for deadline := time.Now().Add(10 * time.Second); client.Ping(t.Context()).Err() != nil; {
		if time.Now().After(deadline) {
			t.Fatal("redis-server does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return socket
}

func each(t *testing.T, test func(t *testing.T, s contract)) {
	for name, make := range stores(t) {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

func TestAFingerprintBelongsToOneOpenIncidentUntilItIsClosed(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx := t.Context()
		if _, opened, err := s.Open(ctx, "f1", record(t, "i1", 0, &incident.Opened{})); err != nil || !opened {
			t.Fatalf("first open: %v %v", opened, err)
		}
		if id, opened, err := s.Open(ctx, "f1", record(t, "i2", 0, &incident.Opened{})); err != nil || opened || id != "i1" {
			t.Fatalf("second open gives %q, %v, %v", id, opened, err)
		}
		if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Closed{Why: "cleared"})); err != nil {
			t.Fatal(err)
		}
		if _, opened, err := s.Open(ctx, "f1", record(t, "i2", 0, &incident.Opened{})); err != nil || !opened {
			t.Fatalf("open after close: %v %v", opened, err)
		}
		for range 2 { // no fingerprint: questions never share an incident
			id := incident.ID(fmt.Sprint("q", time.Now().UnixNano()))
			if _, opened, err := s.Open(ctx, "", record(t, id, 0, &incident.Opened{})); err != nil || !opened {
				t.Fatalf("open without fingerprint: %v %v", opened, err)
			}
		}
	})
}

func TestAppendIsCompareAndSwapAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx := t.Context()
		if _, _, err := s.Open(ctx, "f", record(t, "i1", 0, &incident.Opened{})); err != nil {
			t.Fatal(err)
		}
		two := []incident.Record{record(t, "i1", 1, &incident.Signalled{}), record(t, "i1", 2, &incident.Cleared{})}
		if err := s.Append(ctx, 1, two...); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Signalled{})); !errors.Is(err, incident.ErrConflict) {
			t.Fatalf("stale append: %v", err)
		}
		if err := s.Append(ctx, 3, record(t, "i1", 3, &incident.Signalled{}), record(t, "i1", 7, &incident.Signalled{})); err == nil {
			t.Fatal("an append with a gap was taken")
		}
		got, err := s.After(ctx, "i1", 0)
		if err != nil || len(got) != 3 {
			t.Fatalf("%d records, %v", len(got), err)
		}
		for n := range 5 {
			tail, err := s.After(ctx, "i1", n)
			want := got[min(n, len(got)):]
			if err != nil || len(tail) != len(want) || len(want) > 0 && !reflect.DeepEqual(tail, want) {
				t.Fatalf("after %d: %+v, %v", n, tail, err)
			}
		}
		for n, r := range got {
			if r.Version != n+1 || r.Incident != "i1" || n > 0 && string(r.Raw) != string(two[n-1].Raw) || n > 0 && r.Type != two[n-1].Type {
				t.Fatalf("record %d is %+v", n+1, r)
			}
		}
	})
}

func TestOfManyWritersOneWinsEachVersion(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx := t.Context()
		if _, _, err := s.Open(ctx, "f", record(t, "i1", 0, &incident.Opened{})); err != nil {
			t.Fatal(err)
		}
		const writers, each = 8, 10
		var done sync.WaitGroup
		for range writers {
			done.Go(func() {
				for won := 0; won < each; {
					have, err := s.After(ctx, "i1", 0)
					if err != nil {
						t.Error(err)
						return
					}
					err = s.Append(ctx, len(have), record(t, "i1", len(have), &incident.Signalled{}))
					switch {
					case err == nil:
						won++
					case !errors.Is(err, incident.ErrConflict):
						t.Error(err)
						return
					}
				}
			})
		}
		done.Wait()
		if got, _ := s.After(ctx, "i1", 0); len(got) != 1+writers*each {
			t.Fatalf("%d records, want %d", len(got), 1+writers*each)
		}
	})
}

func TestTheLogHoldsEveryRecordInOneOrder(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx := t.Context()
		for _, id := range []incident.ID{"i1", "i2"} {
			if _, _, err := s.Open(ctx, string(id), record(t, id, 0, &incident.Opened{})); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Cleared{})); err != nil {
			t.Fatal(err)
		}
		var got []string
		for n := 0; ; {
			page, err := s.Log(ctx, n, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, r := range page {
				got = append(got, fmt.Sprintf("%s/%d/%s", r.Incident, r.Version, r.Type))
			}
			n += len(page)
		}
		if want := "[i1/1/opened i2/1/opened i1/2/cleared]"; fmt.Sprint(got) != want {
			t.Fatalf("%v, want %s", got, want)
		}
	})
}

func TestLiveListsWhatIsOpenOrWasClosedLately(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx := t.Context()
		for _, id := range []incident.ID{"i1", "i2"} {
			if _, _, err := s.Open(ctx, string(id), record(t, id, 0, &incident.Opened{})); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Closed{})); err != nil {
			t.Fatal(err)
		}
		if ids, err := s.Live(ctx, time.Hour); err != nil || len(ids) != 2 {
			t.Fatalf("%v %v", ids, err)
		}
		time.Sleep(2 * time.Millisecond)
		if ids, err := s.Live(ctx, time.Millisecond); err != nil || len(ids) != 1 || ids[0] != "i2" {
			t.Fatalf("%v %v", ids, err)
		}
	})
}

func TestChangesLosesNoIncidentAlsoForASlowReader(t *testing.T) {
	each(t, func(t *testing.T, s contract) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		changes, err := s.Changes(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const n = 50
		for k := range n {
			id := incident.ID(fmt.Sprintf("i%d", k))
			if _, _, err := s.Open(ctx, string(id), record(t, id, 0, &incident.Opened{})); err != nil {
				t.Fatal(err)
			}
		}
		seen := map[incident.ID]bool{}
		for deadline := time.After(10 * time.Second); len(seen) < n; {
			select {
			case id := <-changes:
				seen[id] = true
			case <-deadline:
				t.Fatalf("%d of %d incidents were told", len(seen), n)
			}
		}
		cancel()
		for range changes {
		}
	})
}
