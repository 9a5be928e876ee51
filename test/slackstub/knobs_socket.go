package slackstub

import (
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// Duplication sends the next N envelopes of Type ("" is any) again.
type Duplication struct {
	Type  string
	N     int
	Times int // copies besides the first; 0 means 1
	// SameEnvelope keeps the envelope id; otherwise each copy has its own.
	SameEnvelope bool
	// OtherConn sends the copies on another connection where there is one.
	OtherConn bool
	// After sends the copies later, for one that arrives after a reconnect.
	After time.Duration
}

// Duplicate turns duplication on.
func (s *Server) Duplicate(d Duplication) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.Times = max(d.Times, 1)
	d.N = max(d.N, 1)
	s.knobs.dups = append(s.knobs.dups, &d)
}

func (s *Server) duplicate(first *conn, e *envelope) {
	for _, d := range s.knobs.dups {
		if d.N == 0 || d.Type != "" && d.Type != e.Type {
			continue
		}
		d.N--
		s.knobs.uses["dup"]++
		for range d.Times {
			s.clockOrNow(d.After, func() { s.sendCopy(first, e, *d) })
		}
		return
	}
}

// clockOrNow runs f at once, or later under the lock.
func (s *Server) clockOrNow(d time.Duration, f func()) {
	if d == 0 {
		f()
		return
	}
	s.clock.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closed {
			f()
		}
	})
}

func (s *Server) sendCopy(first *conn, e *envelope, d Duplication) {
	c := first
	if d.OtherConn || c.ended() {
		if c = s.pick(first); c == nil {
			c = s.pick(nil)
		}
	}
	if c == nil {
		return
	}
	if d.SameEnvelope {
		e.copies++
		s.send(c, e.frame())
		return
	}
	again := &envelope{EnvelopeResult: e.EnvelopeResult, payload: e.payload, accepts: e.accepts, onAck: e.onAck}
	again.State, again.SentAt, again.CreatedAt = StateQueued, time.Time{}, s.clock.Now()
	s.register(again)
	s.sendOn(c, again)
}

// Delay holds the next n envelopes of a type back.
func (s *Server) Delay(envelopeType string, n int, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.delays[envelopeType] = &counted{n: n, after: d}
}

func (k *knobs) delay(kind string) (time.Duration, bool) {
	c := k.delays[kind]
	if c == nil || c.n == 0 {
		return 0, false
	}
	c.n--
	k.uses["delay"]++
	return c.after, true
}

// Reorder swaps the next n pairs of envelopes of a type.
func (s *Server) Reorder(envelopeType string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.swaps[envelopeType] = n
}

func (k *knobs) hold(e *envelope) bool {
	if k.swaps[e.Type] == 0 || k.held != nil {
		return false
	}
	k.swaps[e.Type]--
	k.uses["reorder"]++
	k.held = e
	return true
}

// LoseAcks treats the next n acknowledgements of a type as not received.
func (s *Server) LoseAcks(envelopeType string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.acks[envelopeType] = n
}

func (k *knobs) loseAck(kind string) bool {
	if k.acks[kind] == 0 {
		return false
	}
	k.acks[kind]--
	k.uses["ackLost"]++
	return true
}

// Malformed spoils the wire. bad_json, empty, binary, unknown_type and
// huge_frame are sent at once on every connection, as frames of their own;
// team_null, no_is_enterprise_install and unknown_block change the next
// envelope's payload.
func (s *Server) Malformed(kind string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case "team_null", "no_is_enterprise_install", "unknown_block":
		s.knobs.mangles = append(s.knobs.mangles, kind)
		return nil
	}
	f, err := s.badFrame(kind)
	if err != nil {
		return err
	}
	for _, id := range s.connIDs() {
		s.knobs.uses["malformed"]++
		s.sendRaw(s.conns[id], f)
	}
	return nil
}

func (s *Server) badFrame(kind string) (ws.Frame, error) {
	switch kind {
	case "bad_json":
		return ws.NewTextFrame([]byte(`{"envelope_id":"`)), nil
	case "empty":
		return ws.NewTextFrame(nil), nil
	case "binary":
		return ws.NewBinaryFrame([]byte{0, 1, 2, 3}), nil
	case "unknown_type":
		// Registered, because a client may acknowledge what it does not know.
		e := s.newEnvelope("surprise", "unknown type", obj{})
		e.State, e.SentAt, e.copies = StateSent, s.clock.Now(), maxConnections
		return ws.NewTextFrame(encode(e.frame())), nil
	case "huge_frame":
		return ws.NewTextFrame(encode(obj{"type": "hello", "filler": s.ident(300 << 10)})), nil
	}
	return ws.Frame{}, fmt.Errorf("slack stand-in: unknown kind of malformed frame %q", kind)
}

// mangle spoils one outgoing envelope if asked to.
func (k *knobs) mangle(frame obj) obj {
	if len(k.mangles) == 0 {
		return frame
	}
	kind := k.mangles[0]
	k.mangles = k.mangles[1:]
	k.uses["malformed"]++
	out := cloneJSON(frame).(obj)
	p, ok := out["payload"].(obj)
	if !ok {
		return out
	}
	switch kind {
	case "team_null":
		p["team"] = nil
	case "no_is_enterprise_install":
		delete(p, "is_enterprise_install")
	case "unknown_block":
		if m, ok := p["message"].(obj); ok {
			blocks, _ := m["blocks"].([]any)
			m["blocks"] = append(blocks, obj{"type": "block_of_tomorrow", "block_id": "zz"})
		}
	}
	return out
}
