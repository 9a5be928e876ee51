package slackstub

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// Problem is something a real Slack would have refused, lost or shown to a
// person as an error, or that the stand-in does not know.
type Problem struct {
	// Name is stable, such as "api.unknown_argument" or "ack.late".
	Name   string
	Detail string
	At     time.Time
}

func (p Problem) String() string { return p.Name + ": " + p.Detail }

// problems has a lock of its own because HTTP handlers record without the
// server's.
type problems struct {
	mu      sync.Mutex
	list    []Problem
	allowed []string
}

func (p *problems) allow(names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, names...)
}

func (s *Server) problem(name, detail string) {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	s.problems.list = append(s.problems.list, Problem{Name: name, Detail: detail, At: s.clock.Now()})
}

// Allow permits problems by name for the rest of the run. A name may end in
// "*"; a Problem's String may be given to allow one detail only.
func (s *Server) Allow(names ...string) { s.problems.allow(names) }

// Problems returns everything recorded, allowed or not.
func (s *Server) Problems() []Problem {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	return slices.Clone(s.problems.list)
}

// Err returns the problems that were not allowed as one error, or nil.
func (s *Server) Err() error {
	s.problems.mu.Lock()
	defer s.problems.mu.Unlock()
	var errs []error
	for _, p := range s.problems.list {
		if !permitted(s.problems.allowed, p) {
			errs = append(errs, fmt.Errorf("slack stand-in: %s", p))
		}
	}
	return errors.Join(errs...)
}

func permitted(allowed []string, p Problem) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		if a == p.String() || a == p.Name {
			return true
		}
		ok, err := path.Match(a, p.Name)
		return err == nil && ok && strings.Contains(a, "*")
	})
}
