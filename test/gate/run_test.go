package gate_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// round is one run over many targets.
type round struct {
	*stage
	want     int           // approvals
	patience time.Duration // from the broken target to the end of its story

	mu        sync.Mutex
	begun     int // targets
	fruitless int // of them are over without an approval
	approved  int

	took     durations // from the first press to the card that says what came of it
	toButton durations // from the broken target to Approve Fix
}

// play breaks targets, inFlight at a time, until as many were approved as are
// wanted or ctx ends.
func (r *round) play(ctx context.Context) {
	told, enough := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { r.progress(told) })
	defer teller.Wait()
	defer enough()
	var workers sync.WaitGroup
	for range *inFlight {
		workers.Go(func() {
			for ctx.Err() == nil {
				n, more := r.next()
				if !more {
					return
				}
				r.one(ctx, n)
			}
		})
	}
	workers.Wait()
}

// progress says every minute how far it is.
func (r *round) progress(ctx context.Context) {
	for began := time.Now(); ; {
		sleep(ctx, time.Minute)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		r.Logf("%s: %d targets begun, %d approvals are over, %d ended without one", time.Since(began).Round(time.Second), r.begun, r.approved, r.fruitless)
		r.mu.Unlock()
	}
}

// next is the number of the next target. Those that are over without an approval
// are made up for.
func (r *round) next() (n int, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun-r.fruitless >= r.want {
		return 0, false
	}
	r.begun++
	return r.begun, true
}

func (r *round) over(approved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if approved {
		r.approved++
	} else {
		r.fruitless++
	}
}

// one is the story of one target.
func (r *round) one(ctx context.Context, n int) {
	namespace := fmt.Sprintf("%s-%d", r.name, n%namespaces)
	t, err := breakOne(ctx, r.client, namespace, fmt.Sprintf("t-%05d", n))
	if err != nil {
		if ctx.Err() == nil {
			r.Errorf("the harness could not break a target: %v", err)
		}
		r.over(false)
		return
	}
	r.ledger.begin(t)
	defer func() {
		r.over(r.close(t))
		remove(r.client, t)
		r.board.forget(t)
	}()
	broken := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	var first time.Time
	for limited.Err() == nil {
		card, ok := r.see(limited, t, func(m slackstub.Message) bool {
			s := sayingOf(m)
			return s.settled() && !(s == offers && r.tired(t, digestOf(m)))
		})
		if !ok && limited.Err() == nil && !r.silent(limited, t) {
			continue
		}
		if !ok || sayingOf(card) != offers {
			if !first.IsZero() {
				r.took.add(time.Since(first))
			}
			return
		}
		if first.IsZero() {
			r.toButton.add(time.Since(broken))
			first = time.Now()
		}
		if !r.people.approve(limited, t, card) {
			sleep(limited, 500*time.Millisecond)
			continue
		}
		r.answered(limited, t, card)
	}
}

// glance is how long people look at a card before they look at the workload.
const glance = 30 * time.Second

// see waits a while for a card that is as wanted.
func (r *round) see(ctx context.Context, t target, want func(slackstub.Message) bool) (slackstub.Message, bool) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	return r.board.until(ctx, t, want)
}

// silent reports whether the change was made, of which the card had a while to
// tell: its incident was lost with the store.
func (r *round) silent(ctx context.Context, t target) bool {
	now, err := fateOf(ctx, r.client, t)
	return err == nil && now.generation > 1
}

// tired reports whether people have pressed a button so often to no effect that
// they wait for another one.
func (r *round) tired(t target, digest string) (tired bool) {
	r.ledger.edit(t, func(s *story) { tired = s.pressesOn(digest) >= 3 })
	return tired
}

// digestOf is what a card offers; empty where it offers nothing.
func digestOf(card slackstub.Message) string {
	_, digest, _ := strings.Cut(card.Button(approveButton).Value, ":")
	return digest
}

// patienceOfPeople is how long somebody who has approved looks at a button that
// still stands before pressing it again.
const patienceOfPeople = 10 * time.Second

// answered waits until the card shows that the press was taken, or a person
// would press again.
func (r *round) answered(ctx context.Context, t target, pressed slackstub.Message) {
	ctx, cancel := context.WithTimeout(ctx, patienceOfPeople)
	defer cancel()
	r.board.until(ctx, t, func(m slackstub.Message) bool { return digestOf(m) != digestOf(pressed) })
}

// close writes down how the story ended.
func (r *round) close(t target) (approved bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	end, err := fateOf(ctx, r.client, t)
	for err != nil && ctx.Err() == nil {
		sleep(ctx, 200*time.Millisecond)
		end, err = fateOf(ctx, r.client, t)
	}
	if err != nil {
		r.Errorf("the harness could not look at %s: %v", t, err)
	}
	card, _, ok := r.board.newest(t)
	r.ledger.edit(t, func(s *story) {
		s.end = end
		if ok {
			s.said, s.offered, s.card = sayingOf(card), digestOf(card), card.PlainText()
		}
		approved = s.approved()
	})
	return approved
}

// durations are collected by many.
type durations struct {
	mu   sync.Mutex
	list []time.Duration
}

func (d *durations) add(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, t)
}

// TestVolume approves by the thousand while a share of everything that is sent
// gets lost, comes twice or fails.
func TestVolume(t *testing.T) {
	if *approvals == 0 {
		t.Skip("SKIPPED: no approvals were asked for (-approvals)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), *within)
	defer cancel()
	st := newStage(ctx, t, "vol", slackstub.Config{Limits: slackstub.Limits{Off: true}, Allow: []string{"ack.*"}}, nil)
	if err := st.start("both", ""); err != nil {
		t.Fatal(err)
	}
	st.spoil(*share)
	r := &round{stage: st, want: *approvals, patience: 3 * time.Minute}
	began := time.Now()
	r.play(ctx)
	r.report(time.Since(began))
}
