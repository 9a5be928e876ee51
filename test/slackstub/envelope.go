package slackstub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Envelope types.
const (
	TypeEvents      = "events_api"
	TypeInteractive = "interactive"
	TypeSlash       = "slash_commands"
)

// State of an envelope. The zero value is one that has not left yet.
type State string

// The states an envelope goes through.
const (
	StateQueued State = ""
	StateSent   State = "sent"
	StateAcked  State = "acked"
	StateFailed State = "failed" // no acknowledgement in time, or no connection
)

// EnvelopeResult is an envelope as far as it has come.
type EnvelopeResult struct {
	ID, Type, EventID string
	// What is a short label for people: the action, command, view or event.
	What              string
	User, Channel, TS string
	Attempt           int
	Conn              int // that it was sent on; 0 where none was open
	CreatedAt, SentAt time.Time
	AckedAt           time.Time
	// Latency from sent to acknowledged, also of an acknowledgement that came late.
	Latency    time.Duration
	State      State
	OtherConn  bool // acknowledged on another connection than it was sent on
	AckPayload json.RawMessage
}

type envelope struct {
	EnvelopeResult
	payload obj
	accepts bool
	copies  int // sent besides the first, under the same id
	acks    int
	retry   bool // may be redelivered as an event
	stop    func()
	onAck   func(payload obj)
	onFail  func()
}

// ErrNoConnection is returned where Slack would show the person an error at once.
var ErrNoConnection = errors.New("slack stand-in: no Socket Mode connection is open")

// ErrNotAcknowledged means that the person was shown a failure.
var ErrNotAcknowledged = errors.New("slack stand-in: not acknowledged in time")

func (s *Server) newEnvelope(kind, what string, payload obj) *envelope {
	e := &envelope{payload: payload}
	e.Type, e.What, e.CreatedAt = kind, what, s.clock.Now()
	s.register(e)
	return e
}

func (s *Server) register(e *envelope) {
	e.ID = s.uuid()
	s.envelopes[e.ID] = e
	s.envOrder = append(s.envOrder, e.ID)
}

// deliver applies the knobs of delivery, then sends.
func (s *Server) deliver(e *envelope) {
	if d, ok := s.knobs.delay(e.Type); ok {
		s.clock.AfterFunc(d, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.sendEnvelope(e)
		})
		return
	}
	if held := s.knobs.held; held != nil && held.Type == e.Type {
		s.knobs.held = nil
		s.sendEnvelope(e)
		s.sendEnvelope(held)
		return
	}
	if s.knobs.hold(e) {
		// Released after a while also where no second one comes to swap with.
		s.clock.AfterFunc(reorderHold, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.knobs.held == e {
				s.knobs.held = nil
				s.sendEnvelope(e)
			}
		})
		return
	}
	s.sendEnvelope(e)
}

const reorderHold = 2 * time.Second

func (s *Server) sendEnvelope(e *envelope) {
	if s.closed {
		return
	}
	c := s.pick(nil)
	if c == nil {
		s.unacknowledged(e)
		return
	}
	s.sendOn(c, e)
	e.stop = s.clock.AfterFunc(s.cfg.Timings.Ack, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e.State == StateSent && !s.closed {
			s.unacknowledged(e)
		}
	})
	s.duplicate(c, e)
}

func (s *Server) sendOn(c *conn, e *envelope) {
	if e.SentAt.IsZero() {
		e.SentAt = s.clock.Now()
	}
	if e.State == StateQueued {
		e.State = StateSent
	}
	e.Conn = c.id
	s.send(c, s.knobs.mangle(e.frame()))
	s.publish(Event{Kind: EnvelopeChanged, Envelope: e.EnvelopeResult, User: e.User})
}

func (e *envelope) frame() obj {
	o := obj{"envelope_id": e.ID, "type": e.Type, "accepts_response_payload": e.accepts, "payload": e.payload}
	if e.Type == TypeEvents {
		o["retry_attempt"], o["retry_reason"] = e.Attempt, ""
		if e.Attempt > 0 {
			o["retry_reason"] = "timeout"
		}
	}
	return o
}

// pick chooses one connection by the seed; no pattern is promised.
func (s *Server) pick(not *conn) *conn {
	var open []*conn
	for _, id := range s.connIDs() {
		if c := s.conns[id]; c.greeted && !c.leaving && c != not && (c.ghost || !c.ended()) {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[s.rng.IntN(len(open))]
}

func (s *Server) connIDs() []int {
	ids := make([]int, 0, len(s.conns))
	for id := range s.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// unacknowledged settles an envelope that nobody took: events come again under
// a new envelope id, everything else has failed in front of a person.
func (s *Server) unacknowledged(e *envelope) {
	e.State = StateFailed
	if e.onFail != nil {
		e.onFail()
	}
	s.publish(Event{Kind: EnvelopeChanged, Envelope: e.EnvelopeResult, User: e.User})
	if !e.retry || e.Attempt >= len(s.cfg.Timings.EventRetry) {
		return
	}
	again := &envelope{EnvelopeResult: e.EnvelopeResult, payload: e.payload, retry: true, onAck: e.onAck}
	again.Attempt++
	again.State, again.Conn, again.SentAt = StateQueued, 0, time.Time{}
	again.CreatedAt = s.clock.Now()
	s.register(again)
	s.clock.AfterFunc(s.cfg.Timings.EventRetry[e.Attempt], func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sendEnvelope(again)
	})
}

// acknowledge takes a client's text frame.
func (s *Server) acknowledge(c *conn, frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := decodeObject(frame)
	if err != nil {
		s.problem("frame.bad_json", err.Error())
		return
	}
	for k := range o {
		if k != "envelope_id" && k != "payload" {
			s.problem("frame.unknown_field", k)
		}
	}
	id, _ := o["envelope_id"].(string)
	e := s.envelopes[id]
	if e == nil {
		s.problem("ack.unknown", fmt.Sprintf("envelope_id %q", id))
		return
	}
	if s.knobs.loseAck(e.Type) {
		return
	}
	e.acks++
	s.settle(c, e, o["payload"])
}

func (s *Server) settle(c *conn, e *envelope, payload any) {
	switch e.State {
	case StateAcked:
		if e.acks > 1+e.copies {
			s.problem("ack.duplicate", e.What+" "+e.ID)
		}
		return
	case StateFailed:
		e.AckedAt = s.clock.Now()
		e.Latency = e.AckedAt.Sub(e.SentAt)
		s.problem("ack.late", fmt.Sprintf("%s after %s", e.What, e.Latency.Round(time.Millisecond)))
		s.publish(Event{Kind: EnvelopeChanged, Envelope: e.EnvelopeResult, User: e.User})
		return
	case StateQueued, StateSent:
	}
	if e.stop != nil {
		e.stop()
	}
	e.State, e.AckedAt = StateAcked, s.clock.Now()
	e.Latency = e.AckedAt.Sub(e.SentAt)
	e.OtherConn = c.id != e.Conn
	body, _ := payload.(obj)
	if len(body) > 0 {
		e.AckPayload = encode(payload)
		if !e.accepts {
			s.problem("ack.payload_not_accepted", e.What)
		}
	}
	if e.onAck != nil {
		e.onAck(body)
	}
	s.publish(Event{Kind: EnvelopeChanged, Envelope: e.EnvelopeResult, User: e.User})
}

// Envelopes returns every envelope so far in order of creation.
func (s *Server) Envelopes() []EnvelopeResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]EnvelopeResult, 0, len(s.envOrder))
	for _, id := range s.envOrder {
		out = append(out, s.envelopes[id].EnvelopeResult)
	}
	return out
}

// WaitAck waits until the envelope is acknowledged. For an event, the
// acknowledgement of a redelivery counts too. It returns ErrNotAcknowledged
// with the result once the person has been shown a failure.
func (s *Server) WaitAck(ctx context.Context, id string) (EnvelopeResult, error) {
	var out EnvelopeResult
	err := s.await(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		e := s.envelopes[id]
		if e == nil {
			return false
		}
		out = e.EnvelopeResult
		for _, other := range s.envOrder {
			o := s.envelopes[other]
			if e.EventID != "" && o.EventID == e.EventID && (o.State == StateAcked || out.State == StateFailed) {
				out = o.EnvelopeResult
			}
		}
		exhausted := out.Type != TypeEvents || out.Attempt >= len(s.cfg.Timings.EventRetry)
		return out.State == StateAcked || out.State == StateFailed && exhausted
	})
	switch {
	case err != nil:
		return out, fmt.Errorf("slack stand-in: waiting for an acknowledgement: %w", err)
	case out.State != StateAcked:
		return out, ErrNotAcknowledged
	}
	return out, nil
}
