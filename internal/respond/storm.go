package respond

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// The paces of the storm's card: how soon it appears, and how often it is
// counted anew.
const (
	stormTick = time.Second
	stormPace = 15 * time.Second
)

// StormCard keeps the storm's card: it appears when findings wait for a card of
// their own, is counted anew while they do, and says when none waits any more.
type StormCard struct {
	Gate  *Responder
	Cards *Cards
	// Gather learns from Recall which cards stand.
	Gather *Gather

	stream incident.ID // of the storm that stands, empty where none does
	said   incident.Storm
	at     time.Time // when it was said
}

// Recall finds in the store which cards were posted within the last hour, and a
// storm that still stands. It has to run before the gate does.
func (w *StormCard) Recall(ctx context.Context) error {
	ids, err := w.Gate.cfg.Store.Live(ctx, time.Hour)
	if err != nil {
		return fmt.Errorf("list open incidents: %w", err)
	}
	for _, id := range ids {
		i, err := w.Gate.Load(ctx, id)
		if err != nil {
			continue // what is not to be trusted has no card of ours
		}
		_, posted := i.Thread()
		switch {
		case i.Storm != nil && !i.Storm.Over:
			w.stream, w.said = id, *i.Storm
		case posted && i.Inquiry == nil && i.Steered == nil && i.Storm == nil:
			w.Cards.Given(id, i.OpenedAt)
			w.Gather.See(i)
		}
	}
	return nil
}

// Run works until ctx ends.
func (w *StormCard) Run(ctx context.Context) {
	tick := time.NewTicker(stormTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := w.tell(ctx)
		var untrusted *UntrustedError
		if errors.As(err, &untrusted) || errors.Is(err, incident.ErrConflict) {
			w.stream = "" // the store has lost it: what waits still begins another one
		}
		if err != nil && ctx.Err() == nil {
			w.Gate.cfg.Log.Warn("the storm could not be written down, will be tried again", "err", err)
		}
	}
}

// tell writes down how it stands, where that is due.
func (w *StormCard) tell(ctx context.Context) error {
	now, storm := w.Gate.cfg.Now(), w.Cards.Storm()
	switch {
	case storm == nil && w.stream == "":
		return nil
	case storm == nil:
		over := w.said
		over.Waiting, over.Causes, over.Namespaces, over.Over = 0, nil, nil, true
		if err := w.Gate.Append(ctx, w.stream, &over); err != nil {
			return err
		}
		w.stream = ""
		return nil
	case w.stream == "":
		id := stormID(now)
		if _, _, err := w.Gate.Open(ctx, id, "", storm); err != nil {
			return err
		}
		w.Gate.cfg.Log.Warn("more findings than the budget of cards: they wait for their turn", "waiting", storm.Waiting, "cards an hour", storm.Budget)
		w.stream = id
	case now.Sub(w.at) < stormPace:
		return nil
	default:
		storm.Since = w.said.Since
		if reflect.DeepEqual(*storm, w.said) {
			return nil
		}
		if err := w.Gate.Append(ctx, w.stream, storm); err != nil {
			return err
		}
	}
	w.said, w.at = *storm, now
	return nil
}

// stormID names the storm that began then.
func stormID(since time.Time) incident.ID {
	sum := sha256.Sum256([]byte("countersign/storm/v1\n" + since.UTC().Format(time.RFC3339Nano)))
	return incident.ID("i" + hex.EncodeToString(sum[:6]))
}
