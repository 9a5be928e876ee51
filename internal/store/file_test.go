package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

func TestAFileIsReadAgainAndDropsOnlyAHalfWrittenLastRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s, err := store.OpenFile(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, _, err := s.Open(ctx, "f", record(t, "i1", 0, &incident.Opened{})); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Cleared{})); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFile(path, time.Now); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a second process opened the store: %v", err)
	}
	s.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := len(whole) - 1; cut > len(whole)-40; cut-- {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := store.OpenFile(path, time.Now)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if got, _ := s.After(ctx, "i1", 0); len(got) != 1 {
			t.Fatalf("cut at %d: %d records", cut, len(got))
		}
		if err := s.Append(ctx, 1, record(t, "i1", 1, &incident.Cleared{})); err != nil {
			t.Fatalf("append after a cut: %v", err)
		}
		s.Close()
	}
}

func TestDamageInTheMiddleIsAnErrorThatNamesTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s, err := store.OpenFile(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []incident.ID{"i1", "i2"} {
		if _, _, err := s.Open(t.Context(), string(id), record(t, id, 0, &incident.Opened{})); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	whole, _ := os.ReadFile(path)
	if err := os.WriteFile(path, append([]byte("x"), whole...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenFile(path, time.Now); err == nil || !strings.Contains(err.Error(), "line 1 is damaged") {
		t.Fatalf("%v", err)
	}
}
