package chat

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// logged keeps what was logged, to look for what should not be there.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// bot is a Slack under test, connected to a stand-in.
type bot struct {
	*Slack
	t    *testing.T
	stub *slackstub.Server
	log  *logged
	stop func() error // ends Run and returns its error
}

func configure(stub *slackstub.Server, log *logged) Config {
	return Config{
		BotToken: stub.BotToken(), AppToken: stub.AppToken(), APIURL: stub.URL(), Channel: slackstub.ChannelAlerts,
		Groups: func() []string { return []string{slackstub.ApproverGroup} }, Mode: func(string) incident.Mode { return incident.ModeApprove },
		ClusterName: "demo", Key: cardKey(),
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// unconnected is a Slack that has made no request yet.
func unconnected(t *testing.T, stub *slackstub.Server, change ...func(*Config)) *bot {
	t.Helper()
	b := &bot{t: t, stub: stub, log: &logged{}}
	cfg := configure(stub, b.log)
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// A connection that is kept alive would be hit by a reset meant for
	// another call.
	if transport, ok := s.http.Transport.(*http.Transport); ok {
		transport.DisableKeepAlives = true
	}
	b.Slack = s
	t.Cleanup(func() {
		for _, token := range []string{stub.BotToken(), stub.AppToken()} {
			if strings.Contains(b.log.String(), token[5:]) {
				t.Errorf("a token was logged")
			}
		}
		if strings.Contains(b.log.String(), "/response/") {
			t.Error("a response_url was logged")
		}
	})
	return b
}

// connected is a Slack that was greeted.
func connected(t *testing.T, stub *slackstub.Server, change ...func(*Config)) *bot {
	t.Helper()
	b := unconnected(t, stub, change...)
	if _, err := b.Check(soon(t)); err != nil {
		t.Fatal(err)
	}
	b.run()
	until(t, "the greeting", b.Connected)
	return b
}

func (b *bot) run() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	var once sync.Once
	var result error
	b.stop = func() error {
		once.Do(func() {
			cancel()
			select {
			case result = <-ended:
			case <-time.After(5 * time.Second):
				b.t.Error("Run did not end within 5 s")
			}
		})
		return result
	}
	b.t.Cleanup(func() {
		if err := b.stop(); err != nil && !b.t.Failed() {
			b.t.Logf("Run ended with: %v", err)
		}
	})
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("waited 10 s for %s", what)
}

// card posts the card of an incident and returns where it stands.
func (b *bot) card(i incident.Incident) incident.Posted {
	b.t.Helper()
	at, err := b.Card(soon(b.t), i, incident.Posted{Slot: incident.CardSlot})
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}

func (b *bot) click() Click {
	b.t.Helper()
	select {
	case c := <-b.Clicks():
		return c
	case <-time.After(5 * time.Second):
		b.t.Fatal("no click within 5 s")
		return Click{}
	}
}

func (b *bot) command() Command {
	b.t.Helper()
	select {
	case c := <-b.Commands():
		return c
	case <-time.After(5 * time.Second):
		b.t.Fatal("no command within 5 s")
		return Command{}
	}
}

// press lets a person press a button of the card.
func (b *bot) press(user string, at incident.Posted, button string) slackstub.EnvelopeResult {
	b.t.Helper()
	e, err := b.stub.Click(user, at.Channel, at.TS, button, slackstub.ClickOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bot) message(at incident.Posted) slackstub.Message {
	b.t.Helper()
	m, ok := b.stub.Message(at.Channel, at.TS)
	if !ok {
		b.t.Fatalf("no message at %+v", at)
	}
	return m
}

func TestAPressIsHandedOutAndAcknowledgedOnlyWhenTheConsumerSaysSo(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{Allow: []string{"ack.missing"}}))
	story := offered(t, 1, true)
	at := b.card(story.i)
	for button, verb := range map[string]incident.Verb{approveButton: incident.Approve, rejectButton: incident.Reject, manualButton: incident.Manual} {
		e := b.press(slackstub.Alice, at, button)
		c := b.click()
		got := c.Clicked
		want := incident.Person{ID: slackstub.Alice, Team: slackstub.TeamID, Name: redact.Literal("alice")}
		if c.Incident != story.i.ID || got.Verb != verb || got.Digest != story.i.Current().Proposed.Digest || got.Person != want ||
			got.Channel != at.Channel || got.Message != at.TS || !got.Genuine || got.ReplyURL == "" || got.Click == "" || got.PressedAt.IsZero() {
			t.Errorf("%s: %+v", button, c)
		}
		for _, r := range b.stub.Envelopes() {
			if r.ID == e.ID && r.State == slackstub.StateAcked {
				t.Error("the press was acknowledged before it was written down")
			}
		}
		c.Ack(soon(t))
		if r, err := b.stub.WaitAck(soon(t), e.ID); err != nil || r.State != slackstub.StateAcked {
			t.Errorf("%s: %+v, %v", button, r, err)
		}
	}
}

func TestTwoPressesHaveTwoNamesAndCopiesOfOneHaveOne(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{Allow: []string{"ack.duplicate"}}))
	at := b.card(offered(t, 1, true).i)
	seen := map[string]int{}
	for _, same := range []bool{true, false} {
		b.stub.Duplicate(slackstub.Duplication{N: 1, Times: 2, SameEnvelope: same})
		b.press(slackstub.Alice, at, approveButton)
		for range 3 {
			c := b.click()
			c.Ack(soon(t))
			seen[c.Clicked.Click]++
		}
	}
	if len(seen) != 2 {
		t.Errorf("the presses are called %v", seen)
	}
}

func TestRunLearnsTheWorkspaceByItselfAndAPressCountsThen(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	b.run()
	until(t, "the workspace", func() bool { return b.Connected() && b.ws.Load() != nil })
	at := b.card(offered(t, 1, true).i)
	b.press(slackstub.Alice, at, approveButton)
	c := b.click()
	c.Ack(soon(t))
	if !c.Clicked.Genuine {
		t.Error("the press is not genuine")
	}
}

func TestAPressThatFindsTheQueueFullIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}})
	b := connected(t, stub)
	at := b.card(offered(t, 1, true).i)
	for range clickQueue + 1 {
		b.press(slackstub.Alice, at, approveButton)
	}
	until(t, "the loss to be logged", func() bool { return strings.Contains(b.log.String(), "the queue of presses is full") })
	for range clickQueue {
		b.click().Ack(soon(t))
	}
	if len(b.Clicks()) != 0 {
		t.Error("there is one press more than the queue holds")
	}
}
