package respond

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Cards is the budget of announcements: how many findings may get a card of
// their own within an hour. What is over budget is not dropped: it waits for its
// turn, the oldest first, and the storm's card counts it meanwhile. The zero
// value lets nothing through.
type Cards struct {
	PerHour int
	Now     func() time.Time

	mu      sync.Mutex
	given   map[incident.ID]time.Time
	waiting map[incident.ID]waiter
	since   time.Time // when the first began to wait
}

// waiter is a finding that stands without a card.
type waiter struct {
	opened, asked    time.Time
	namespace, cause string
}

// forgotten is after how long a finding that does not ask any more is taken to
// have healed.
const forgotten = 3 * incident.TurnPace

// Admit reports whether the finding may have its card now.
func (c *Cards) Admit(i incident.Incident) bool {
	if i.Inquiry != nil || i.Steered != nil || i.Storm != nil {
		return true // a person asks, or has to know
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.tidy()
	if _, ok := c.given[i.ID]; ok {
		return true // and the post failed
	}
	older := 0
	for id, w := range c.waiting {
		if id != i.ID && (w.opened.Before(i.OpenedAt) || w.opened.Equal(i.OpenedAt) && id < i.ID) {
			older++
		}
	}
	if len(c.given)+older < c.PerHour {
		c.given[i.ID] = now
		delete(c.waiting, i.ID)
		return true
	}
	w := waiter{opened: i.OpenedAt, asked: now, namespace: i.Subject.Namespace}
	if i.Diagnosis != nil {
		w.cause = string(i.Diagnosis.Cause)
	}
	if len(c.waiting) == 0 {
		c.since = now
	}
	c.waiting[i.ID] = w
	return false
}

// Given says that a card was posted before this process began.
func (c *Cards) Given(id incident.ID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tidy()
	c.given[id] = at
}

// tidy forgets cards that are an hour old, and what no longer waits.
func (c *Cards) tidy() (now time.Time) {
	now = c.Now()
	if c.given == nil {
		c.given, c.waiting = map[incident.ID]time.Time{}, map[incident.ID]waiter{}
	}
	for id, at := range c.given {
		if now.Sub(at) >= time.Hour {
			delete(c.given, id)
		}
	}
	for id, w := range c.waiting {
		if now.Sub(w.asked) >= forgotten {
			delete(c.waiting, id)
		}
	}
	return now
}

// Storm counts what waits; nil when nothing does.
func (c *Cards) Storm() *incident.Storm {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tidy()
	if len(c.waiting) == 0 {
		return nil
	}
	causes, namespaces := map[string]int{}, map[string]int{}
	for _, w := range c.waiting {
		causes[w.cause]++
		namespaces[w.namespace]++
	}
	return &incident.Storm{
		Since: c.since.UTC(), Budget: c.PerHour, Waiting: len(c.waiting), Causes: most(causes), Namespaces: most(namespaces),
	}
}

// maxTallies bounds the lines of each count.
const maxTallies = 8

// most are the largest counts, in their order, and one for the rest.
func most(counts map[string]int) []incident.Tally {
	var all []incident.Tally
	for name, n := range counts {
		all = append(all, incident.Tally{Name: name, Count: n})
	}
	slices.SortFunc(all, func(a, b incident.Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	if len(all) <= maxTallies {
		return all
	}
	rest := 0
	for _, t := range all[maxTallies:] {
		rest += t.Count
	}
	return append(all[:maxTallies:maxTallies], incident.Tally{Count: rest})
}
