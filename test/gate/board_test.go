package gate_test

import (
	"context"
	"regexp"
	"strings"
	"sync"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// saying is what a card tells people about their approval.
type saying int

// What a card can say; the zero value is that nobody knows.
const (
	nothing   saying = iota
	offers           // Approve Fix can be pressed
	works            // approved, under way
	recovered        // changed, and it holds
	told             // over, and the card says why nothing more comes
	withheld         // no fix is offered
	halted           // nothing is done, and votes from before do not count
)

func (s saying) String() string {
	return [...]string{"nothing", "vote again", "under way", "recovered", "not changed, and why", "no fix is offered", "halted, and votes do not count"}[s]
}

// settled reports whether a person who approved has learnt what came of it, or
// is asked to vote again.
func (s saying) settled() bool { return s == recovered || s == told || s == offers || s == withheld }

var tells = []struct {
	says  saying
	words []string
}{
	{recovered, []string{"Recovered"}},
	{withheld, []string{"No fix is offered"}},
	{told, []string{
		"Not changed", "Not fixed", "Nothing was changed", "The offer has expired", "no longer stands", "Policy refused",
		"Worse than before", "Cleared", "Came back after the fix", "vote again", "Vote again",
	}},
	{halted, []string{"Votes from before do not count"}},
	{works, []string{"Approved", "Change under way", "Change made"}},
}

// sayingOf reads a card as a person does.
func sayingOf(m slackstub.Message) saying {
	text := m.PlainText()
	if strings.Contains(text, "Recovered") {
		return recovered
	}
	if m.Button(approveButton).Value != "" {
		return offers
	}
	for _, t := range tells {
		for _, words := range t.words {
			if strings.Contains(text, words) {
				return t.says
			}
		}
	}
	return nothing
}

const approveButton = "cs-approve"

// workload is how this package names its targets.
var workload = regexp.MustCompile(`([a-z]+-[0-9]+/t-[0-9]{5,6})\b`)

// board follows the channel: which cards stand about each target, the one that
// changed last at the end.
type board struct {
	mu      sync.Mutex
	cards   map[string][]slackstub.Message // by namespace/name
	of      map[string]string              // ts to namespace/name
	changed map[string]chan struct{}
	posted  int
	updated int
}

func newBoard() *board {
	return &board{cards: map[string][]slackstub.Message{}, of: map[string]string{}, changed: map[string]chan struct{}{}}
}

// follow works until the subscription ends.
func (b *board) follow(events <-chan slackstub.Event) {
	for e := range events {
		switch e.Kind {
		case slackstub.MessagePosted, slackstub.MessageUpdated, slackstub.MessageDeleted:
			if e.Message.ThreadTS == "" || e.Message.ThreadTS == e.Message.TS {
				b.take(e)
			}
		}
	}
}

func (b *board) take(e slackstub.Event) {
	name := ""
	if found := workload.FindString(e.Message.PlainText()); found != "" {
		name = found
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.of[e.Message.TS]; known != "" {
		name = known
	}
	if name == "" || e.Kind == slackstub.MessageUpdated && b.of[e.Message.TS] == "" {
		return // nobody waits for it any more
	}
	b.of[e.Message.TS] = name
	list := b.cards[name]
	at := len(list)
	for n := range list {
		if list[n].TS == e.Message.TS {
			at = n
		}
	}
	switch {
	case e.Kind == slackstub.MessageDeleted && at < len(list):
		list = append(list[:at:at], list[at+1:]...)
	case e.Kind == slackstub.MessageDeleted:
	case at == len(list):
		list = append(list, e.Message)
		b.posted++
	default:
		// Two gates may post two cards, or one after a lost answer: people look
		// at the one that lives.
		list = append(append(list[:at:at], list[at+1:]...), e.Message)
		b.updated++
	}
	b.cards[name] = list
	if wake := b.changed[name]; wake != nil {
		close(wake)
		delete(b.changed, name)
	}
}

// newest is the card that changed last; ok is false where there is none.
func (b *board) newest(t target) (card slackstub.Message, wake <-chan struct{}, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.cards[t.String()]
	if b.changed[t.String()] == nil {
		b.changed[t.String()] = make(chan struct{})
	}
	wake = b.changed[t.String()]
	if len(list) == 0 {
		return slackstub.Message{}, wake, false
	}
	return list[len(list)-1], wake, true
}

// forget drops what is kept of a target that is over.
func (b *board) forget(t target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.cards[t.String()] {
		delete(b.of, m.TS)
	}
	delete(b.cards, t.String())
	delete(b.changed, t.String())
}

// until waits for a card that is as wanted.
func (b *board) until(ctx context.Context, t target, want func(slackstub.Message) bool) (slackstub.Message, bool) {
	for {
		card, wake, ok := b.newest(t)
		if ok && want(card) {
			return card, true
		}
		select {
		case <-ctx.Done():
			return card, false
		case <-wake:
		}
	}
}
