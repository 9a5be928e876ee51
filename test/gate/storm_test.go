package gate_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// stormCards is the budget of cards an hour under the storm.
const stormCards = 20

var stormTitle = regexp.MustCompile(`Storm: ([0-9]+) findings wait`)

// Many workloads break at once, each for a reason of its own: the channel gets
// as many cards as the budget allows and one that counts the rest, Slack's
// limits on; and who asks about a finding without a card is answered.
func TestAStormIsABoundedNumberOfCards(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	st := newStage(ctx, t, "storm", slackstub.Config{}, map[string]string{"CARDS_PER_HOUR": fmt.Sprint(stormCards), "DEBOUNCE": "1m"})
	if err := st.start("both", ""); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	targets := st.breakMany(ctx, *storm)
	broken := time.Since(began)
	told, err := st.s.Slack.WaitMessage(ctx, func(m slackstub.Message) bool {
		found := stormTitle.FindStringSubmatch(m.PlainText())
		if found == nil {
			return false
		}
		n, err := strconv.Atoi(found[1])
		return err == nil && n == *storm-stormCards
	})
	if err != nil {
		t.Fatalf("no card counts the %d that wait: %v\n%s", *storm-stormCards, err, st.logTail())
	}
	waited := time.Since(began)
	sleep(ctx, 20*time.Second) // more would come now
	cards := map[string]int{}
	for _, m := range st.s.Slack.Messages(slackstub.ChannelAlerts) {
		if m.ThreadTS != "" && m.ThreadTS != m.TS {
			continue
		}
		cards[workload.FindString(m.PlainText())]++
	}
	if cards[""] != 1 || len(cards) != stormCards+1 {
		t.Errorf("%d cards about targets, want %d; %d others, want the storm's alone", len(cards)-1, stormCards, cards[""])
	}
	for _, name := range []string{st.name + "-0", "image not found"} {
		if !strings.Contains(told.PlainText(), name) {
			t.Errorf("the storm's card does not name %s:\n%s", name, told.PlainText())
		}
	}
	for _, asked := range targets {
		if cards[asked.String()] == 0 {
			st.answersAbout(ctx, asked)
			break
		}
	}
	t.Logf("%d workloads broke within %s; %s later %d cards stand, and one that counts the other %d",
		*storm, broken.Round(time.Second), (waited - broken).Round(time.Second), stormCards, *storm-stormCards)
}

// breakMany breaks n targets, a few at a time.
func (st *stage) breakMany(ctx context.Context, n int) []target {
	targets, next := make([]target, n), make(chan int)
	var workers sync.WaitGroup
	for range 16 {
		workers.Go(func() {
			for k := range next {
				namespace := fmt.Sprintf("%s-%d", st.name, k%namespaces)
				t, err := breakOne(ctx, st.client, namespace, fmt.Sprintf("t-%05d", k))
				if err != nil {
					st.Errorf("the harness could not break a target: %v", err)
				}
				targets[k] = t
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	workers.Wait()
	return targets
}

// answersAbout asks with a slash command about a finding that has no card.
func (st *stage) answersAbout(ctx context.Context, t target) {
	if _, err := st.s.Slack.Slash(slackstub.Alice, slackstub.ChannelAlerts, "/countersign", "why deployment/"+t.name+" -n "+t.namespace); err != nil {
		st.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if _, err := st.s.Slack.WaitMessage(ctx, func(m slackstub.Message) bool {
		return strings.Contains(m.PlainText(), t.String()) && strings.Contains(m.PlainText(), absentImage)
	}); err != nil {
		st.Errorf("a question about %s is not answered in the storm: %v", t, err)
	}
}
