package chat

import (
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

// keepEvidence is how long a thing that was seen once goes on being an alarm. A
// count of connections is one until the next count says otherwise.
const keepEvidence = 24 * time.Hour

// rogue collects what speaks for somebody else holding our tokens. Slack offers
// three things: how many connections it counts when it greets one, that it sends
// an event again which another connection did not take, and presses on cards
// that carry our buttons under other words. None of it is a proof, and nothing
// rests on it: a press counts by the seal of its card, whoever listens.
type rogue struct {
	mu    sync.Mutex
	extra int // connections beyond ours, at the last count
	counted,
	missedAt,
	forgedAt time.Time
	forgedIn string
}

// count takes a count of connections and reports whether it raises an alarm that
// did not stand before.
func (g *rogue) count(now time.Time, connections, ours int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.extra
	g.extra, g.counted = max(connections-ours, 0), now
	return g.extra > before
}

func (g *rogue) missed(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.missedAt = now
}

func (g *rogue) forged(now time.Time, c Click) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgedAt, g.forgedIn = now, string(c.Incident)
}

func (g *rogue) text(now time.Time) redact.Text {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []redact.Text
	at := redact.Time
	fresh := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) < keepEvidence }
	if g.extra > 0 {
		out = append(out, redact.Sprintf("Slack counted %s connections of this app that this process did not open (%s): a half-open link from before that "+
			"Slack has not given up yet, which takes hours at most, or somebody else with the app token", count(g.extra), at(g.counted)))
	}
	if fresh(g.missedAt) {
		out = append(out, redact.Sprintf("an event went to a connection that is not ours (%s)", at(g.missedAt)))
	}
	if fresh(g.forgedAt) {
		out = append(out, redact.Sprintf("a press came from a card or a form with our buttons and other words (%s, incident %s): somebody else has the bot token, or the keys of this "+
			"installation were changed", at(g.forgedAt), redact.Name(g.forgedIn)))
	}
	return redact.Join("; ", out...)
}

// Rogue says in words what speaks for somebody else holding the tokens, and is
// empty while nothing does. The remedy is to rotate both tokens.
func (s *Slack) Rogue() redact.Text { return s.rogue.text(s.cfg.Now()) }
