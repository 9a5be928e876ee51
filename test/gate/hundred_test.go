package gate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// jobGone is when a finished Job is gone and its name is free again, and some.
const jobGone = 140 * time.Second

// Three gates work at once on one Redis, none of them the leader. Both approvers
// press fifty times each. The frames come again after one gate was killed and
// Redis has failed over, and once more after the Job has been cleaned up.
func TestAHundredClicksOnThreeReplicasHaveOneEffect(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	db := newDatabase(t)
	st := newStage(ctx, t, "hundred", slackstub.Config{Limits: slackstub.Limits{Off: true}, Allow: []string{"ack.*"}},
		map[string]string{"REDIS_URL": db.url(), "LEADER_ELECTION": "false", "UNDO_WINDOW": "10m"})
	if err := st.start("watcher", "watcher"); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := st.start(fmt.Sprint("gate ", n), "gate"); err != nil {
			t.Fatal(err)
		}
	}
	r := &round{stage: st, want: 1, patience: time.Minute}
	target, err := breakOne(ctx, st.client, st.targetNamespaces()[0], "t-00001")
	if err != nil {
		t.Fatal(err)
	}
	st.ledger.begin(target)
	defer remove(st.client, target)
	card, ok := st.board.until(ctx, target, func(m slackstub.Message) bool { return sayingOf(m) == offers })
	if !ok {
		t.Fatalf("no button: %s\n%s", card.PlainText(), st.logTail())
	}
	soon, late := 8*time.Second, jobGone
	if testing.Short() {
		late = 12 * time.Second
	}
	st.s.Slack.Duplicate(slackstub.Duplication{Type: slackstub.TypeInteractive, N: 50, Times: 1, OtherConn: true, After: soon})
	st.s.Slack.Duplicate(slackstub.Duplication{Type: slackstub.TypeInteractive, N: 50, Times: 2, OtherConn: true, After: late})
	began := time.Now()
	var presses sync.WaitGroup
	for n := range 100 {
		presses.Go(func() { st.people.press(ctx, target, card, approvers[n%len(approvers)]) })
	}
	presses.Wait()
	if _, ok := st.board.until(ctx, target, func(m slackstub.Message) bool { return sayingOf(m) == recovered }); !ok {
		t.Errorf("not recovered\n%s", st.logTail())
	}
	st.kill("gate 1")
	db.promote(ctx, 0)
	sleep(ctx, time.Until(began.Add(late+10*time.Second)))
	if used := st.s.Slack.KnobUses()["dup"]; used < 100 {
		t.Errorf("only %d frames came again", used)
	}
	r.over(r.close(target))
	for _, s := range r.report(time.Since(began)).stories {
		if len(s.changes) != 1 || !s.executed() {
			t.Errorf("%d changes of %s", len(s.changes), s.target)
		}
	}
}
