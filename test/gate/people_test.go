package gate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// strangers see the channel and may not approve.
var strangers = []string{slackstub.Carol, slackstub.Gus, slackstub.Dora, slackstub.Robo, slackstub.Xena}

// people press the buttons, and again where Slack shows them an error.
type people struct {
	slack  *slackstub.Server
	ledger *ledger
	dice   *dice
	share  float64 // of presses with which something is wrong

	mu    sync.Mutex
	tally struct{ presses, unacked, doubled, byStrangers, redelivered, acksLost int }
}

// press presses Approve Fix on the card as user and waits for Slack to be told
// that it was taken. A card that has changed since it was read is not pressed.
func (p *people) press(ctx context.Context, t target, card slackstub.Message, user string) (acked bool) {
	value := card.Button(approveButton).Value
	incident, digest, ok := strings.Cut(value, ":")
	if !ok {
		return false
	}
	taken, unsent := p.ledger.press(t, press{at: time.Now(), user: user, digest: digest, incident: incident})
	p.count(func() { p.tally.presses++ })
	r, err := p.slack.Click(user, card.Channel, card.TS, approveButton, slackstub.ClickOptions{Value: value, Anyone: true})
	if err != nil {
		if !errors.Is(err, slackstub.ErrNoConnection) {
			sleep(ctx, 100*time.Millisecond) // the button went just now
		}
		unsent()
		p.count(func() { p.tally.unacked++ })
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := p.slack.WaitAck(ctx, r.ID); err != nil {
		p.count(func() { p.tally.unacked++ })
		return false
	}
	taken()
	return true
}

func (p *people) count(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// approve is one approver's press, with what the dice add: strangers who press
// first, both approvers many times at once, frames that come again, an
// acknowledgement that is lost.
func (p *people) approve(ctx context.Context, t target, card slackstub.Message) (acked bool) {
	who := approvers[p.dice.n(len(approvers))]
	if p.dice.below(p.share) {
		// One of them is a full member, who lacks nothing but the name in the settings.
		for _, who := range []string{slackstub.Carol, strangers[p.dice.n(len(strangers))]} {
			p.count(func() { p.tally.byStrangers++ })
			p.press(ctx, t, card, who)
		}
		sleep(ctx, time.Second) // what a stranger's press could do is done before an approver's
	}
	if p.dice.below(p.share) {
		p.count(func() { p.tally.redelivered++ })
		p.slack.Duplicate(slackstub.Duplication{
			Type: slackstub.TypeInteractive, N: 1, Times: 1 + p.dice.n(3), SameEnvelope: p.dice.n(2) == 0,
			After: time.Duration(p.dice.n(3000)) * time.Millisecond,
		})
	}
	if p.dice.below(p.share) {
		p.count(func() { p.tally.acksLost++ })
		p.slack.LoseAcks(slackstub.TypeInteractive, 1)
	}
	if !p.dice.below(p.share) {
		return p.press(ctx, t, card, who)
	}
	var presses sync.WaitGroup
	any := make(chan bool, 6)
	for n := range cap(any) {
		p.count(func() { p.tally.doubled++ })
		presses.Go(func() { any <- p.press(ctx, t, card, approvers[n%len(approvers)]) })
	}
	presses.Wait()
	close(any)
	for ok := range any {
		acked = acked || ok
	}
	return acked
}
