package respond

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Responder is the loop of one role.
type Responder struct {
	cfg   Config
	queue workqueue.TypedRateLimitingInterface[key]

	mu    sync.Mutex
	known map[incident.ID]incident.Incident    // as last read, so that only what is new is folded
	ran   map[incident.ID]map[string]time.Time // pacing only, see incident.Due
	forms map[string]time.Time                 // presses that opened a form, so that a copy opens none
}

type key struct {
	id   incident.ID
	lane incident.Lane
}

var lanes = []incident.Lane{incident.Look, incident.Explain, incident.Talk, incident.Act}

// New makes a Responder. Nothing runs before Run.
func New(cfg Config) *Responder {
	if cfg.Workers == 0 {
		cfg.Workers = 8
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 300 * time.Second
	}
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[key](500*time.Millisecond, 30*time.Second)
	return &Responder{
		cfg:   cfg,
		queue: workqueue.NewTypedRateLimitingQueue(limiter),
		known: map[incident.ID]incident.Incident{},
		ran:   map[incident.ID]map[string]time.Time{},
		forms: map[string]time.Time{},
	}
}

// Run works until ctx ends, then lets the steps under way finish. It begins by
// asking what is due for every incident that the store has open, which is how a
// crash is survived.
func (r *Responder) Run(ctx context.Context) error {
	defer r.queue.ShutDown()
	changes, err := r.cfg.Store.Changes(ctx)
	if err != nil {
		return fmt.Errorf("follow the store: %w", err)
	}
	live, err := r.cfg.Store.Live(ctx, time.Hour)
	if err != nil {
		return fmt.Errorf("list open incidents: %w", err)
	}
	var workers sync.WaitGroup
	for range r.cfg.Workers {
		workers.Go(func() { r.work(ctx) })
	}
	for _, id := range live {
		r.touch(id)
	}
	for open := true; open; {
		select {
		case <-ctx.Done():
			open = false
		case id, ok := <-changes:
			if !ok {
				open = false
				break
			}
			r.touch(id)
		}
	}
	r.queue.ShutDown()
	workers.Wait()
	if ctx.Err() == nil {
		return errors.New("the store's change feed ended")
	}
	return nil
}

// TakeHints looks again at the incidents whose ids arrive, until ctx ends. A
// hint may be wrong, late or missing; nothing depends on it but speed.
func (r *Responder) TakeHints(ctx context.Context, ids <-chan string) {
	for {
		select {
		case <-ctx.Done():
			return
		case id, ok := <-ids:
			if !ok {
				return
			}
			r.touch(incident.ID(id))
		}
	}
}

// Reconsider asks for every open incident what is due, because something that
// holds for all of them has changed.
func (r *Responder) Reconsider() {
	r.mu.Lock()
	ids := make([]incident.ID, 0, len(r.known))
	for id := range r.known {
		ids = append(ids, id)
	}
	r.mu.Unlock()
	for _, id := range ids {
		r.touch(id)
	}
}

// touch asks for every lane of an incident to be looked at.
func (r *Responder) touch(id incident.ID) {
	for _, l := range lanes {
		r.queue.Add(key{id, l})
	}
}

func (r *Responder) work(ctx context.Context) {
	for {
		k, shut := r.queue.Get()
		if shut {
			return
		}
		if ctx.Err() == nil {
			r.serve(ctx, k)
		}
		r.queue.Done(k)
	}
}

// settle is how long a step that is under way may go on after the loop was told
// to end. What it has sent must be written down, or it is sent again after the
// restart: a second card.
const settle = 3 * time.Second

// outlast is a context that ends d after ctx.
func outlast(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return lasting, func() { stop(); cancel() }
}

// serve runs what is due in one lane of one incident, once.
func (r *Responder) serve(ctx context.Context, k key) {
	ctx, release := outlast(ctx, settle)
	defer release()
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	i, err := r.Load(ctx, k.id)
	if err != nil {
		r.distrust(ctx, k, err)
		r.retry(k, "load", err)
		return
	}
	now := r.cfg.Now()
	steps, again := r.cfg.Rules.Due(i, r.cfg.Role, now, func(step string) time.Time { return r.lastRun(k.id, step) })
	for _, step := range steps {
		if step.Lane != k.lane {
			continue
		}
		if err := r.run(ctx, i, step, now); err != nil {
			r.retry(k, step.Key, err)
			return
		}
		// Only what succeeded is paced: a question whose one look failed has
		// to be looked into again.
		r.markRun(k.id, step.Key, now)
		r.queue.Forget(k)
		r.queue.AddAfter(k, 10*time.Millisecond) // the next step of the lane, or the time to wait for
		return
	}
	r.queue.Forget(k)
	switch {
	case i.Closed != "" && len(steps) == 0:
		r.forget(k.id)
	case !again.IsZero():
		r.queue.AddAfter(k, max(again.Sub(now), time.Millisecond))
	}
}

func (r *Responder) run(ctx context.Context, i incident.Incident, step incident.Step, now time.Time) (err error) {
	defer func() {
		// A defect in one step must not take the others' incidents with it.
		if p := recover(); p != nil {
			err = fmt.Errorf("step %s panicked: %v", step.Key, p)
		}
	}()
	bodies, err := r.cfg.Effects.Run(ctx, i, step, now)
	if err != nil {
		return err
	}
	if len(bodies) == 0 {
		return nil
	}
	return r.Append(ctx, i.ID, bodies...)
}

// distrust tells people, once in this process, why nothing happens any more.
func (r *Responder) distrust(ctx context.Context, k key, why error) {
	const said = "distrust"
	var untrusted *UntrustedError
	if r.cfg.Distrust == nil || k.lane != incident.Talk || !errors.As(why, &untrusted) || !r.lastRun(k.id, said).IsZero() {
		return
	}
	r.mu.Lock()
	known := r.known[k.id]
	r.mu.Unlock()
	if err := r.cfg.Distrust(ctx, known); err != nil {
		r.cfg.Log.Warn("people could not be told of records that are not trusted", "incident", k.id, "err", err)
		return
	}
	r.markRun(k.id, said, r.cfg.Now())
}

func (r *Responder) retry(k key, doing string, err error) {
	r.queue.AddRateLimited(k)
	r.cfg.Log.Warn("step failed, will be tried again", "incident", k.id, "step", doing, "err", err)
}

func (r *Responder) lastRun(id incident.ID, step string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ran[id][step]
}

func (r *Responder) markRun(id incident.ID, step string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ran[id] == nil {
		r.ran[id] = map[string]time.Time{}
	}
	r.ran[id][step] = at
}

func (r *Responder) forget(id incident.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.ran, id)
	delete(r.known, id)
}
