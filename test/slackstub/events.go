package slackstub

import (
	"context"
	"fmt"
	"time"
)

// Kind says what an Event tells.
type Kind string

// What a subscriber is told about.
const (
	MessagePosted   Kind = "message_posted"
	MessageUpdated  Kind = "message_updated"
	MessageDeleted  Kind = "message_deleted"
	EphemeralPosted Kind = "ephemeral_posted"
	ViewChanged     Kind = "view_changed"
	EnvelopeChanged Kind = "envelope_changed"
	LinkChanged     Kind = "link_changed" // a Socket Mode connection came or went
	PeopleChanged   Kind = "people_changed"
)

// Event is one change with the moment at which it took effect, before the
// caller of the API had its answer.
type Event struct {
	Kind     Kind
	At       time.Time
	Message  Message        // of the message kinds
	User     string         // of view changes and ephemerals
	Envelope EnvelopeResult // of EnvelopeChanged
}

const subscriberBuffer = 4096

type subscribers struct {
	next    int
	list    map[int]chan Event
	changed chan struct{} // closed and replaced at every change
	closed  bool
}

// Subscribe delivers every event from now on. The channel is closed by cancel
// and by Close. A subscriber that falls 4,096 events behind loses events, and
// that is a problem named "subscriber.slow".
func (s *Server) Subscribe() (events <-chan Event, cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan Event, subscriberBuffer)
	if s.subs.closed {
		close(ch)
		return ch, func() {}
	}
	if s.subs.list == nil {
		s.subs.list = map[int]chan Event{}
	}
	s.subs.next++
	id := s.subs.next
	s.subs.list[id] = ch
	return ch, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c, ok := s.subs.list[id]; ok {
			delete(s.subs.list, id)
			close(c)
		}
	}
}

func (b *subscribers) closeAll() {
	b.closed = true
	for id, ch := range b.list {
		delete(b.list, id)
		close(ch)
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// publish must be called with the lock held.
func (s *Server) publish(e Event) {
	if s.subs.closed {
		return
	}
	e.At = s.clock.Now()
	for _, ch := range s.subs.list {
		select {
		case ch <- e:
		default:
			s.problem("subscriber.slow", "a subscriber lost "+string(e.Kind))
		}
	}
	close(s.subs.changed)
	s.subs.changed = make(chan struct{})
}

// await calls look, under no lock, at once and after every change until it
// says true or ctx ends.
func (s *Server) await(ctx context.Context, look func() bool) error {
	for {
		s.mu.Lock()
		changed, closed := s.subs.changed, s.subs.closed
		s.mu.Unlock()
		if look() {
			return nil
		}
		if closed {
			return fmt.Errorf("slack stand-in: closed while waiting")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// WaitMessage returns the first message, in any channel, for which want is
// true: one that is there already, or one that is posted or updated to fit.
func (s *Server) WaitMessage(ctx context.Context, want func(Message) bool) (Message, error) {
	var found Message
	err := s.await(ctx, func() bool {
		for _, c := range s.Channels() {
			for _, m := range s.Messages(c.ID) {
				if want(m) {
					found = m
					return true
				}
			}
		}
		return false
	})
	if err != nil {
		return Message{}, fmt.Errorf("slack stand-in: no such message: %w", err)
	}
	return found, nil
}
