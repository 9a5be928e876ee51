package chat

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// thief is a process of somebody else with both of our tokens: it listens, and
// answers what it gets so that nobody notices, or keeps silent.
type thief struct {
	api  *slack.Client
	stop func()
}

// client is slack-go with both tokens.
func client(stub *slackstub.Server) *slack.Client {
	return slack.New(stub.BotToken(), slack.OptionAppLevelToken(stub.AppToken()), slack.OptionAPIURL(stub.URL()), slack.OptionLog(log.New(io.Discard, "", 0)))
}

func steal(t *testing.T, stub *slackstub.Server, answers bool) *thief {
	t.Helper()
	api := client(stub)
	sock := socketmode.New(api, socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, cancel := context.WithCancel(context.Background())
	th := &thief{api: api}
	done, hello := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = sock.RunContext(ctx)
	}()
	th.stop = func() { cancel(); <-done }
	t.Cleanup(th.stop)
	go func() {
		greeted := false
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-sock.Events:
				if e.Type == socketmode.EventTypeHello && !greeted {
					greeted = true
					close(hello)
				}
				if e.Request != nil && e.Request.EnvelopeID != "" {
					if answers {
						_ = sock.AckCtx(ctx, e.Request.EnvelopeID, nil)
					}
				}
			}
		}
	}()
	select {
	case <-hello:
	case <-time.After(5 * time.Second):
		t.Fatal("the thief was not greeted")
	}
	return th
}

func TestAStrangersConnectionRaisesTheAlarmWhileItStands(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	b.roll = rollTimes{every: 50 * time.Millisecond, soon: time.Millisecond, linger: 10 * time.Millisecond}
	b.dial = func() *socketmode.Client { // unpaced, because the calls come thick and fast
		return socketmode.New(client(stub), socketmode.OptionLog(log.New(io.Discard, "", 0)))
	}
	b.run()
	until(t, "the greeting", b.Connected)
	calls := func() int { return len(stub.CallsOf("apps.connections.open")) }
	until(t, "three roll calls", func() bool { return calls() > 3 })
	if why := b.Rogue(); !why.IsEmpty() {
		t.Errorf("alone: %s", why)
	}
	th := steal(t, stub, true)
	until(t, "the alarm", func() bool {
		return strings.Contains(b.Rogue().String(), "Slack counted 1 connections of this app that this process did not open")
	})
	if !strings.Contains(b.log.String(), "level=ERROR") || !strings.Contains(b.log.String(), "rotate both tokens") {
		t.Errorf("nothing was logged at error:\n%s", b.log)
	}
	th.stop()
	until(t, "the end of the alarm", func() bool { return b.Rogue().IsEmpty() })
}

func TestTheCountThatAGreetingBringsIsNoAlarmBeforeItIsCountedAgain(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	steal(t, stub, true)
	b := unconnected(t, stub)
	b.run()
	until(t, "the greeting", b.Connected)
	until(t, "the warning", func() bool { return strings.Contains(b.log.String(), "more connections of this app") })
	if why := b.Rogue(); !why.IsEmpty() {
		t.Errorf("at once: %s", why)
	}
}

func TestAnEventThatAnotherConnectionHadBeforeRaisesTheAlarm(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}, Timings: slackstub.Timings{Ack: 200 * time.Millisecond, EventRetry: []time.Duration{0, 0, 0}}})
	b := connected(t, stub, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(-time.Minute) } })
	at := b.card(tell(t).looked(diagnosis()).i)
	mention := func() {
		if _, err := stub.Mention(slackstub.Carol, slackstub.ChannelAlerts, at.TS, "status"); err != nil {
			t.Fatal(err)
		}
	}
	mention()
	b.command()
	if why := b.Rogue(); !why.IsEmpty() {
		t.Errorf("alone: %s", why)
	}
	steal(t, stub, false)
	until(t, "the alarm", func() bool {
		mention()
		time.Sleep(50 * time.Millisecond)
		return strings.Contains(b.Rogue().String(), "went to a connection that is not ours")
	})
}

func TestOneEventThatIsSentAgainAfterAReconnectIsNoAlarm(t *testing.T) {
	r := &session{Slack: offline(t)}
	now := r.cfg.Now().Unix()
	for _, c := range []struct {
		name             string
		retry            int
		since, happened  int64
		connected, alarm bool
	}{
		{"the first delivery", 0, now - 60, now, true, false},
		{"it happened before our link stood", 1, now, now - 1, true, false},
		{"it happened as our link came up", 1, now, now + missedAfter - 1, true, false},
		{"we are not connected", 1, now - 60, now, false, false},
		{"Slack does not say when", 1, now - 60, 0, true, false},
		{"our link stood", 1, now - 60, now, true, true},
	} {
		r.rogue = rogue{}
		r.since.Store(c.since)
		r.connected.Store(c.connected)
		r.missed(envelope{Retry: c.retry}, event{EventTime: c.happened})
		if got := !r.Rogue().IsEmpty(); got != c.alarm {
			t.Errorf("%s: alarm %t", c.name, got)
		}
	}
}

// A thief with both tokens forges messages, edits our card in place, opens forms
// of its own and lets people press: whatever comes of it, no press counts, by
// the two things that the gate asks of every press.
func TestAThiefWithBothTokensMakesNoPressCount(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}, Limits: slackstub.Limits{Off: true}})
	b := connected(t, stub)
	i := offered(t, 1, true).needsReason().i
	at := b.card(i)
	raw := string(encodeBlocks(t, b.message(at).Blocks))
	th := steal(t, stub, true)
	value := buttonValue(i.ID, i.Current().Proposed.Digest)
	blocks := func(raw string) slack.MsgOption {
		t.Helper()
		var out slack.Blocks
		if err := json.Unmarshal([]byte(raw), &out); err != nil {
			t.Fatal(err)
		}
		return slack.MsgOptionBlocks(out.BlockSet...)
	}
	text := slack.MsgOptionText("Nothing to see", false)
	post := func(channel string, options ...slack.MsgOption) func() incident.Posted {
		return func() incident.Posted {
			_, ts, err := th.api.PostMessage(channel, append(options, text)...)
			if err != nil {
				t.Fatal(err)
			}
			return incident.Posted{Channel: channel, TS: ts}
		}
	}
	edit := func(raw string) func() incident.Posted {
		return func() incident.Posted {
			if _, _, _, err := th.api.UpdateMessage(at.Channel, at.TS, blocks(raw), text); err != nil {
				t.Fatal(err)
			}
			return at
		}
	}
	swap := func(from, to string) string { return strings.ReplaceAll(raw, from, to) }
	bare := `[{"type":"actions","block_id":"` + sealPrefix + `x","elements":[{"type":"button","action_id":"cs-approve","value":"` + value + `","text":{"type":"plain_text","text":"Open the log"}}]}]`
	var seal string
	for _, e := range b.message(at).Elements() {
		seal = e.BlockID
	}
	var pressed, arrived, genuine, counted int
	take := func() {
		for {
			select {
			case c := <-b.Clicks():
				arrived++
				c.Ack(soon(t))
				if c.Clicked.Genuine {
					genuine++
				}
				if c.Clicked.Genuine && c.Clicked.Channel == at.Channel && c.Clicked.Message == at.TS {
					counted++
					t.Errorf("a press counts: %+v", c)
				}
			case <-time.After(30 * time.Millisecond):
				return
			}
		}
	}
	for _, forge := range []func() incident.Posted{
		edit(swap("registry.example/cart:v2-typo", "registry.example/cart:v0")), edit(swap("Approve Fix …", "Show details")),
		edit(swap("image not found", "all is well")), edit(swap("Proposed change", "Change made")),
		edit(strings.Replace(raw, `{"block_id":"cs-where`, `{"type":"divider","block_id":"zz"},{"block_id":"cs-where`, 1)),
		edit(bare), edit(strings.Replace(bare, sealPrefix+"x", seal, 1)),
		post(at.Channel, blocks(bare)), post(at.Channel, blocks(strings.Replace(bare, sealPrefix+"x", seal, 1))),
		post(at.Channel, blocks(raw)), post(slackstub.ChannelPrivate, blocks(raw)),
		post(at.Channel, blocks(swap("cart:v1", "cart:v9"))), post(at.Channel, blocks(raw), slack.MsgOptionTS(at.TS)),
	} {
		where := forge()
		for range 4 {
			b.press(slackstub.Alice, where, approveButton)
			pressed++
		}
		take()
	}
	// Its own form, under a trigger that it overheard and with the metadata of
	// one that we opened for Alice.
	edit(raw)()
	th.stop()
	take()
	trigger := func() Click {
		b.press(slackstub.Alice, at, approveButton)
		c := b.click()
		c.Ack(soon(t))
		return c
	}
	if err := b.Ask(soon(t), trigger(), i); err != nil {
		t.Fatal(err)
	}
	meta := stub.Views(slackstub.Alice)[0].PrivateMetadata
	for range 8 {
		form := newForm(reasonForm, "Search the logs", "Search")
		form.Blocks.BlockSet = []slack.Block{input(reasonField, "Words", "timeout", reasonRunes)}
		form.PrivateMetadata = meta
		if _, err := th.api.OpenView(trigger().Trigger, *form); err != nil {
			t.Fatal(err)
		}
		v := stub.Views(slackstub.Alice)[0]
		b.submit(slackstub.Alice, v, nil)
		pressed++
		take()
	}
	t.Logf("%d presses and forms of forged messages: %d arrived here, %d of them on an exact copy of the card elsewhere, %d count", pressed, arrived, genuine, counted)
	if arrived < pressed/4 || counted != 0 {
		t.Errorf("%d of %d arrived, %d count", arrived, pressed, counted)
	}
	if !strings.Contains(b.Rogue().String(), "our buttons and other words") || !strings.Contains(b.log.String(), "level=ERROR") {
		t.Errorf("no alarm: %q", b.Rogue())
	}
}

func TestOnlyAPressOfOurInstallationOnOtherWordsRaisesTheAlarm(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := connected(t, stub)
	at := b.card(offered(t, 1, true).i)
	for _, c := range []struct {
		kind  string
		alarm bool
	}{{"", false}, {"team_null", false}, {"unknown_block", true}} {
		if c.kind != "" {
			if err := stub.Malformed(c.kind); err != nil {
				t.Fatal(err)
			}
		}
		b.press(slackstub.Alice, at, approveButton)
		b.click().Ack(soon(t))
		if got := !b.Rogue().IsEmpty(); got != c.alarm {
			t.Errorf("%q: alarm %t", c.kind, got)
		}
	}
}
