package geministub

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Call is one request as it arrived and what became of it.
type Call struct {
	Number     int           // from 1, in order of arrival
	Received   time.Time     // when the whole request had been read, by Config.Now
	ServerTime time.Duration // from Received until the last bytes were about to leave; scripted delays are part of it
	Path       string
	Query      string
	Header     http.Header // without the API key
	Body       string      // the request as it came, byte for byte
	Request    Request     // zero where the body was no valid request
	Ignored    []string    // settings that Gemini accepts and disregards, or of which nobody knows what it does with them
	Model      string      // the model that answered; differs from Request.Model after a reroute
	Reply      string      // the reply that was chosen, such as "answer" or "overloaded"; for refusals "refused"
	Status     int         // HTTP status that was sent
	Answer     string      // the model's text, or the error's message
	Done       bool        // the answer has left; set before a client can have seen the end of it
	Gone       bool        // the client left before it had the whole answer
}

// Calls returns all requests so far, in order of arrival, whatever became of them.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// WaitCalls returns as soon as n requests have arrived, answered or not, or with the context's error and those that have.
func (s *Server) WaitCalls(ctx context.Context, n int) ([]Call, error) {
	for {
		s.mu.Lock()
		calls, changed := slices.Clone(s.calls), s.changed
		s.mu.Unlock()
		if len(calls) >= n {
			return calls, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return calls, fmt.Errorf("waiting for call %d, have %d: %w", n, len(calls), context.Cause(ctx))
		}
	}
}

// Problems lists, in order, what a client or the script did wrong: calls that no rule answers, scripted answers that do not fit the
// schema of the request, keys in URLs, unknown paths. Refusals that Gemini itself would give are not problems.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

func (s *Server) problem(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// arrived numbers and keeps a new call.
func (s *Server) arrived(c Call) Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Number = len(s.calls) + 1
	s.calls = append(s.calls, c)
	s.announce()
	return c
}

// keep replaces what is known of a call.
func (s *Server) keep(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[c.Number-1] = c
	s.announce()
}

// announce wakes those who wait for calls; the caller holds the lock.
func (s *Server) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
