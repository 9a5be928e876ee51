package app

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
)

// comparing is an audit chain that is compared at a time of its own.
type comparing struct {
	at    time.Time
	began *audit.Accepted
}

func (c comparing) Began() *audit.Accepted {
	if time.Now().Before(c.at) {
		return nil
	}
	return c.began
}

func (c comparing) Halt() string {
	if time.Now().Before(c.at) {
		return audit.NotCompared
	}
	return ""
}

func TestAStoreThatLostRecordsIsAnnouncedOnceItIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		soon, storeBack := time.Now().Add(10*time.Second), time.Now().Add(30*time.Second)
		lost := &audit.Accepted{Was: audit.Head{Seq: 584, Hash: action.Hash(strings.Repeat("a", 64))}, Have: 2}
		said := map[incident.ID]incident.Steered{}
		announce := func(_ context.Context, id incident.ID, s incident.Steered) error {
			if time.Now().Before(storeBack) {
				return errors.New("the store is away")
			}
			said[id] = s
			return nil
		}
		// The last is a restart that finds the same.
		for _, c := range []comparing{{at: soon}, {at: soon, began: lost}, {at: soon, began: lost}} {
			announceLoss(t.Context(), c, announce, slog.New(slog.DiscardHandler))
		}
		if len(said) != 1 {
			t.Fatalf("announced %+v", said)
		}
		for _, s := range said {
			if s.What != incident.NewLog || !strings.Contains(s.Reason.String(), "584 records were vouched for, and 2 are there") {
				t.Errorf("%+v", s)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		announceLoss(ctx, comparing{at: time.Now().Add(time.Hour)}, announce, slog.New(slog.DiscardHandler)) // ends with its context
	})
}
