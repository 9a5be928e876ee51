package app

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/respond"
)

func TestAStoreThatLostRecordsIsAnnouncedOnceItIsAccepted(t *testing.T) {
	st := memory()
	sealer := &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	gate := respond.New(respond.Config{Role: incident.Gate, Store: st, Sealer: sealer, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	began := &audit.Accepted{Was: audit.Head{Seq: 584, Hash: action.Hash(strings.Repeat("a", 64))}, Have: 2}
	for _, b := range []*audit.Accepted{nil, began, began} { // the last is a restart that accepts the same
		if err := announceLoss(t.Context(), b, gate); err != nil {
			t.Fatal(err)
		}
	}
	ids, err := st.Live(t.Context(), 0)
	if err != nil || len(ids) != 1 {
		t.Fatalf("%d announcements, %v", len(ids), err)
	}
	i, err := gate.Load(t.Context(), ids[0])
	if err != nil || i.Steered == nil || i.Steered.What != incident.NewLog || !strings.Contains(i.Steered.Reason.String(), "584 records were vouched for, and 2 are there") {
		t.Errorf("%+v, %v", i.Steered, err)
	}
}
