package store

import (
	"context"
	"sync"

	"github.com/countersign-dev/countersign/internal/incident"
)

// feed fans changed ids out to subscribers. Each subscriber has a set of ids
// that wait for it, so that a slow one costs memory by the incident and never
// by the change, and holds up nobody.
type feed struct {
	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

type subscriber struct {
	mu      sync.Mutex
	waiting map[incident.ID]struct{}
	wake    chan struct{}
}

// subscribe delivers ids on the returned channel until ctx ends; then it is
// closed. Whatever is published after subscribe returned is delivered.
func (f *feed) subscribe(ctx context.Context) <-chan incident.ID {
	s := &subscriber{waiting: map[incident.ID]struct{}{}, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	if f.subs == nil {
		f.subs = map[*subscriber]struct{}{}
	}
	f.subs[s] = struct{}{}
	f.mu.Unlock()
	out := make(chan incident.ID)
	go func() {
		defer close(out)
		defer func() {
			f.mu.Lock()
			delete(f.subs, s)
			f.mu.Unlock()
		}()
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.wake:
			}
			for _, id := range s.take() {
				select {
				case <-ctx.Done():
					return
				case out <- id:
				}
			}
		}
	}()
	return out
}

func (s *subscriber) take() []incident.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]incident.ID, 0, len(s.waiting))
	for id := range s.waiting {
		ids = append(ids, id)
	}
	clear(s.waiting)
	return ids
}

func (f *feed) publish(id incident.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		s.mu.Lock()
		s.waiting[id] = struct{}{}
		s.mu.Unlock()
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}
