package respond

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Gather keeps one card for one cause: a finding whose cause a card tells
// already gets none, that card names it. It knows what the gate's loop has shown
// it; after a restart it learns the cards from Recall, and those without one from
// their asking. The zero value is not ready: Now is required.
type Gather struct {
	Now func() time.Time

	mu      sync.Mutex
	cards   map[incident.ID]told
	waiting map[incident.ID]victim
}

// told is a card that stands for a cause. It is gone when its finding has healed
// or changed; those that it named wait a little, because they heal with it.
type told struct {
	subject action.Ref
	cause   incident.Shared
	asked   time.Time // for its card, which is not posted yet; zero once it is
	gone    time.Time
}

// victim is a finding that an earlier card names.
type victim struct {
	subject action.Ref
	by      incident.ID
	asked   time.Time
}

// released is how long those that a card named stay silent after it is gone: as
// long as it takes to look at them again.
const released = time.Minute

// maxGathered bounds how many subjects a card names.
const maxGathered = 12

// See takes note of what a card says now.
func (g *Gather) See(i incident.Incident) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy()
	_, posted := i.Thread()
	now := told{subject: incident.AnyOf(i.Subject)}
	stands := posted && i.Closed == "" && i.ClearedAt.IsZero() && i.Diagnosis != nil
	if stands {
		now.cause, stands = i.Diagnosis.Shared()
	}
	switch before, known := g.cards[i.ID]; {
	case i.Inquiry != nil || i.Steered != nil || i.Storm != nil:
	case stands:
		g.cards[i.ID] = now
	case known && before.gone.IsZero():
		before.gone = g.Now()
		g.cards[i.ID] = before
	}
}

// Joins reports whether a card that stands tells the cause of i, which has no
// card yet. If none does, i counts as told from now on: of two findings that ask
// at once, the second joins the first.
func (g *Gather) Joins(i incident.Incident) bool {
	if i.Inquiry != nil || i.Steered != nil || i.Storm != nil || i.Diagnosis == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy()
	cause, proven := i.Diagnosis.Shared()
	awaited, awaits := i.Diagnosis.Awaits()
	by := incident.ID("")
	for id, t := range g.cards {
		if id != i.ID && (proven && t.cause == cause || awaits && t.subject == awaited) {
			by = id
		}
	}
	for id, v := range g.waiting {
		if id != i.ID && v.by != i.ID && by == "" && awaits && incident.AnyOf(v.subject) == awaited {
			by = v.by // what it waits for waits itself
		}
	}
	if by != "" {
		g.waiting[i.ID] = victim{subject: i.Subject, by: by, asked: g.Now()}
		return true
	}
	delete(g.waiting, i.ID)
	if proven {
		g.cards[i.ID] = told{subject: incident.AnyOf(i.Subject), cause: cause, asked: g.Now()}
	}
	return false
}

// Told says that the card of i is posted.
func (g *Gather) Told(id incident.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, ok := g.cards[id]; ok {
		t.asked = time.Time{}
		g.cards[id] = t
	}
}

// tidy forgets cards that are gone for good and findings that do not ask any
// more.
func (g *Gather) tidy() {
	if g.cards == nil {
		g.cards, g.waiting = map[incident.ID]told{}, map[incident.ID]victim{}
	}
	now := g.Now()
	for id, t := range g.cards {
		if !t.gone.IsZero() && now.Sub(t.gone) >= released || !t.asked.IsZero() && now.Sub(t.asked) >= forgotten {
			delete(g.cards, id)
		}
	}
	for id, v := range g.waiting {
		if now.Sub(v.asked) >= forgotten {
			delete(g.waiting, id)
		}
	}
}

// lists are what each card should name.
func (g *Gather) lists() map[incident.ID]incident.Gathered {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy()
	out := map[incident.ID]incident.Gathered{}
	for id, t := range g.cards {
		if t.gone.IsZero() {
			out[id] = incident.Gathered{}
		}
	}
	for _, v := range g.waiting {
		if list, stands := out[v.by]; stands {
			list.Subjects = append(list.Subjects, v.subject)
			out[v.by] = list
		}
	}
	for id, list := range out {
		slices.SortFunc(list.Subjects, func(a, b action.Ref) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		})
		if n := len(list.Subjects) - maxGathered; n > 0 {
			list.Subjects, list.More = list.Subjects[:maxGathered], n
		}
		out[id] = list
	}
	return out
}

// gatherPace is how often a card's list is written anew.
const gatherPace = 5 * time.Second

// Run writes down whom each card names, until ctx ends.
func (g *Gather) Run(ctx context.Context, gate *Responder) {
	tick := time.NewTicker(gatherPace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for id, list := range g.lists() {
			if err := g.write(ctx, gate, id, list); err != nil && ctx.Err() == nil {
				gate.cfg.Log.Warn("the list of a card could not be written down, will be tried again", "incident", id, "err", err)
			}
		}
	}
}

// write appends the list where it says something new.
func (g *Gather) write(ctx context.Context, gate *Responder, id incident.ID, list incident.Gathered) error {
	i, err := gate.Load(ctx, id)
	if err != nil {
		return err
	}
	if i.Closed != "" || i.Gathered.More == list.More && slices.Equal(i.Gathered.Subjects, list.Subjects) {
		return nil
	}
	return gate.Append(ctx, id, &list)
}
