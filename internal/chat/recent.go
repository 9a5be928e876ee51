package chat

import (
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// maxRecent bounds what is remembered of things that were handled.
const maxRecent = 4096

// recent remembers keys for a while. It is a courtesy, no fence: after a restart
// a question may be answered twice.
type recent struct {
	now func() time.Time
	mu  sync.Mutex
	at  map[string]time.Time
}

func newRecent(now func() time.Time) *recent { return &recent{now: now, at: map[string]time.Time{}} }

// first reports whether the key is new, and remembers it.
func (r *recent) first(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if t, ok := r.at[key]; ok && now.Sub(t) < keepSeen {
		return false
	}
	if len(r.at) >= maxRecent {
		r.forget(now)
	}
	r.at[key] = now
	return true
}

// forget drops what is old, and if nothing is, everything.
func (r *recent) forget(now time.Time) {
	for key, t := range r.at {
		if now.Sub(t) >= keepSeen {
			delete(r.at, key)
		}
	}
	if len(r.at) >= maxRecent {
		clear(r.at)
	}
}

// doubtful remembers the incidents of which an answer to a post was lost, and
// where their card stands, so that a press on an older copy gives it away. It
// is in memory only: after a restart an older copy stays, and its buttons are
// refused.
type doubtful struct {
	mu    sync.Mutex
	cards map[incident.ID]string // the ts that counts; empty while none is known
}

func newDoubtful() *doubtful { return &doubtful{cards: map[incident.ID]string{}} }

func (d *doubtful) lost(id incident.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cards) < maxRecent {
		d.cards[id] = ""
	}
}

func (d *doubtful) stands(id incident.ID, ts string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.cards[id]; ok {
		d.cards[id] = ts
	}
}

// older reports whether ts is a copy that does not count.
func (d *doubtful) older(id incident.ID, ts string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	stands, ok := d.cards[id]
	return ok && stands != "" && stands != ts
}
