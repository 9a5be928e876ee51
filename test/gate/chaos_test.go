package gate_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// skew is how wrong the API server's clock is set, as each role reads it.
const skew = 5 * time.Minute

// trouble makes everything fail, one thing after the other, and does what an
// operator and a supervisor would: it starts what has ended, and follows the
// remedy that the product names when it refuses to start.
type trouble struct {
	*stage
	db *database

	made    map[string]int
	read    int // bytes of the product's log
	noticed int // times that the gate said that the store has forgotten
}

// event is one thing that goes wrong, for as long as it takes.
type event struct {
	what string
	do   func(context.Context)
}

// at is the part of the wires that calls somebody at the n-th request.
type at interface {
	at(n int, when moment, do func())
}

func (x *trouble) events() []event {
	var out []event
	for role, wires := range map[string]map[string]at{
		"gate":    {"Slack": x.slack, "the API server": x.gate, "Redis": x.db.wire},
		"watcher": {"the API server": x.watcher, "Redis": x.db.wire},
	} {
		for name, w := range wires {
			for when, word := range map[moment]string{before: "before", after: "after"} {
				out = append(out, event{fmt.Sprintf("kill -9 of the %s %s the n-th request to %s", role, word, name), func(ctx context.Context) {
					x.killAt(ctx, role, w, when)
				}})
			}
		}
	}
	for name, w := range map[string]*wire{"gate": x.gate, "executors": x.executor} {
		for _, by := range []time.Duration{skew, -skew} {
			out = append(out, event{fmt.Sprintf("the API server's clock is %s off for the %s", by, name), func(ctx context.Context) {
				w.skew.Store(int64(by))
				sleep(ctx, 4*time.Second)
				w.skew.Store(0)
			}})
		}
	}
	out = append(out,
		event{"two gates at once", x.twoGates},
		event{"a storm of disconnects", func(ctx context.Context) {
			x.s.Slack.Storm(3)
			_ = x.s.Slack.Disconnect("refresh_requested", 0, 0) // there may be none just now
			sleep(ctx, 3*time.Second)
		}},
		event{"Redis fails over and loses nothing", func(ctx context.Context) { x.db.promote(ctx, 0) }},
		event{"Redis fails over to a stale replica", func(ctx context.Context) { x.lose(ctx, func() { x.db.promote(ctx, 3*time.Second) }) }},
		event{"Redis comes back empty", func(ctx context.Context) { x.lose(ctx, func() { x.db.restart(ctx) }) }},
		event{"FLUSHALL", func(ctx context.Context) { x.lose(ctx, func() { x.db.flush(ctx) }) }},
	)
	return out
}

// run makes trouble until ctx ends, each kind once before any comes again.
func (x *trouble) run(ctx context.Context) {
	var deck []event
	for ctx.Err() == nil {
		if len(deck) == 0 {
			deck = x.events()
		}
		n := x.dice.n(len(deck))
		e := deck[n]
		deck = append(deck[:n], deck[n+1:]...)
		x.made[e.what]++
		began := time.Now()
		e.do(ctx)
		x.Logf("%s, for %s: %s", began.Format("15:04:05.0"), time.Since(began).Round(100*time.Millisecond), e.what)
		// A gate that was started proves its fence before it offers anything.
		sleep(ctx, time.Duration(5000+x.dice.n(15000))*time.Millisecond)
		if x.accept(ctx) {
			x.kill("gate")
			x.again(ctx, "gate", "gate")
		}
	}
}

// killAt kills a role at one of its next requests on a wire and starts it again.
func (x *trouble) killAt(ctx context.Context, role string, w at, when moment) {
	dead := make(chan struct{})
	w.at(1+x.dice.n(30), when, func() {
		x.kill(role)
		close(dead)
	})
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case <-dead:
	case <-limited.Done(): // there were not so many
		w.at(0, before, nil)
		x.kill(role)
	}
	x.again(ctx, role, role)
}

// twoGates lets a second gate work on the same store for a while.
func (x *trouble) twoGates(ctx context.Context) {
	x.again(ctx, "second gate", "gate")
	sleep(ctx, 8*time.Second)
	x.kill("second gate")
}

// lose makes the store forget, and starts both roles again: what they remember
// of it is older than what it holds.
func (x *trouble) lose(ctx context.Context, forget func()) {
	forget()
	sleep(ctx, 2*time.Second)
	for _, role := range []string{"gate", "watcher"} {
		x.kill(role)
		x.again(ctx, role, role)
	}
}

// again starts a role until it is ready, as a supervisor does.
func (x *trouble) again(ctx context.Context, name, role string) {
	for ctx.Err() == nil {
		err := x.start(name, role)
		if err != nil {
			x.accept(ctx)
			sleep(ctx, 500*time.Millisecond)
			continue
		}
		if role != "gate" {
			return
		}
		sleep(ctx, time.Second) // it says at once that the store has forgotten
		if !x.accept(ctx) {
			return
		}
		x.kill(name)
	}
}

// accepted is what the gate's log tells an operator to type.
var accepted = regexp.MustCompile(`--from-literal=([a-z]+)=([0-9a-f:]+)`)

// accept has the gate begin a new audit log with what the store holds, where it
// has asked for that since accept was called last.
func (x *trouble) accept(ctx context.Context) (asked bool) {
	whole := x.logWhole()
	words := accepted.FindAllStringSubmatch(whole[min(x.read, len(whole)):], -1)
	x.read = len(whole)
	if words == nil {
		return false
	}
	last := words[len(words)-1]
	x.noticed++
	yes := corev1ac.ConfigMap(action.AnchorName, x.s.Wall.Namespace).WithData(map[string]string{last[1]: last[2]})
	if _, err := x.client.CoreV1().ConfigMaps(x.s.Wall.Namespace).Apply(ctx, yes, metav1.ApplyOptions{FieldManager: "kubectl", Force: true}); err != nil && ctx.Err() == nil {
		x.Errorf("accept the loss: %v", err)
	}
	return true
}

// TestEverythingFails approves while everything fails that can.
func TestEverythingFails(t *testing.T) {
	if *troubled == 0 {
		t.Skip("SKIPPED: no approvals were asked for (-troubled)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), *within)
	defer cancel()
	db := newDatabase(t)
	st := newStage(ctx, t, "trouble", slackstub.Config{Allow: []string{"ack.*"}},
		map[string]string{"REDIS_URL": db.url(), "LEADER_ELECTION": "false"})
	for _, role := range []string{"gate", "watcher"} {
		if err := st.start(role, role); err != nil {
			t.Fatal(err)
		}
	}
	st.spoil(*share)
	x := &trouble{stage: st, db: db, made: map[string]int{}}
	troubles, calm := context.WithCancel(ctx)
	var maker sync.WaitGroup
	maker.Go(func() { x.run(troubles) })
	// Slack takes 50 updates a minute: more incidents at a time would only wait
	// for their cards.
	*inFlight = min(*inFlight, 12)
	r := &round{stage: st, want: *troubled, patience: 4 * time.Minute}
	began := time.Now()
	r.play(ctx)
	calm()
	maker.Wait()
	r.report(time.Since(began))
	t.Logf("what failed: %s\nthe store lost acknowledged writes %d times and failed over %d times; the gate said so %d times",
		x.list(), db.losses, db.promoted, x.noticed)
}

func (x *trouble) list() string {
	var out []string
	for _, what := range sortedKeys(x.made) {
		out = append(out, fmt.Sprintf("%d × %s", x.made[what], what))
	}
	return strings.Join(out, "; ")
}
