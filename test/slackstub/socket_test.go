package slackstub_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// posted puts a card into a channel and returns its ts.
func posted(t *testing.T, s *slackstub.Server, channel string) string {
	t.Helper()
	_, ts, err := client(s).PostMessage(channel, slack.MsgOptionText("checkout is down", false), slack.MsgOptionBlocks(card()...))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func TestAClickReachesTheAppAndItsAcknowledgementIsMeasured(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	b := connect(t, s, ackAll)
	ts := posted(t, s, slackstub.ChannelAlerts)
	r := must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Alice, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}))
	cb := b.next(socketmode.EventTypeInteractive).Data.(slack.InteractionCallback)
	a := cb.ActionCallback.BlockActions[0]
	if cb.Type != slack.InteractionTypeBlockActions || cb.User.ID != slackstub.Alice || cb.User.TeamID != slackstub.TeamID ||
		cb.Team.ID != slackstub.TeamID || cb.Container.MessageTs != ts || cb.Channel.ID != slackstub.ChannelAlerts ||
		cb.Message.Timestamp != ts || len(cb.Message.Blocks.BlockSet) != 3 || cb.TriggerID == "" || cb.ResponseURL == "" {
		t.Errorf("callback = %+v", cb)
	}
	if a.ActionID != "approve" || a.BlockID != "gate" || a.Value != "proposal-1" || a.ActionTs == "" || a.Text.Text != "Approve fix" {
		t.Errorf("action = %+v", a)
	}
	r = must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
	if r.Latency <= 0 || r.Latency > time.Second || r.State != slackstub.StateAcked {
		t.Errorf("result = %+v", r)
	}
}

func TestAClickIsRefusedByTheStandInWhereThePersonCouldNotMakeIt(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	connect(t, s, ackAll)
	ts := posted(t, s, slackstub.ChannelAlerts)
	eph := must[string](t)(client(s).PostEphemeral(slackstub.ChannelAlerts, slackstub.Carol, slack.MsgOptionText("x", false), slack.MsgOptionBlocks(card()...)))
	for _, c := range []struct{ name, user, ts, action string }{
		{"not in the channel", slackstub.Xena, ts, "approve"},
		{"no such button", slackstub.Alice, ts, "explode"},
		{"somebody else's ephemeral", slackstub.Alice, eph, "approve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := s.Click(c.user, slackstub.ChannelAlerts, c.ts, c.action, slackstub.ClickOptions{}); err == nil {
				t.Error("the click was accepted")
			}
		})
	}
	if _, err := s.Click(slackstub.Carol, slackstub.ChannelAlerts, eph, "approve", slackstub.ClickOptions{}); err != nil {
		t.Error(err)
	}
}

func TestAClickWithoutAConnectionFailsAtOnce(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	ts := posted(t, s, slackstub.ChannelAlerts)
	if _, err := s.Click(slackstub.Alice, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}); !errors.Is(err, slackstub.ErrNoConnection) {
		t.Errorf("error = %v", err)
	}
}

func TestASlashCommandIsAnsweredByTheAcknowledgement(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	b := connect(t, s, func(b *bot, e socketmode.Event) {
		if e.Type == socketmode.EventTypeSlashCommand {
			b.sock.Ack(*e.Request, map[string]any{"response_type": "ephemeral", "text": "all is well"})
		}
	})
	r := must[slackstub.EnvelopeResult](t)(s.Slash(slackstub.Carol, slackstub.ChannelAlerts, "/countersign", "why <pod> & @bob"))
	cmd := b.next(socketmode.EventTypeSlashCommand).Data.(slack.SlashCommand)
	if cmd.UserID != slackstub.Carol || cmd.Command != "/countersign" || cmd.Text != "why &lt;pod&gt; &amp; <@"+slackstub.Bob+"|bob>" {
		t.Errorf("command = %+v", cmd)
	}
	must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
	m := must[slackstub.Message](t)(s.WaitMessage(soon(t), func(m slackstub.Message) bool { return m.Text == "all is well" }))
	if !m.Ephemeral || m.EphemeralTo != slackstub.Carol {
		t.Errorf("answer = %+v", m)
	}
	if _, err := s.Slash(slackstub.Xena, slackstub.ChannelShared, "/countersign", "help"); err == nil {
		t.Error("an external user ran a command")
	}
}

func TestAMentionInAThreadIsRedeliveredUntilAcknowledged(t *testing.T) {
	clock := slackstub.NewManualClock(time.Now())
	s := slackstub.Start(t, slackstub.Config{Clock: clock})
	seen := 0
	b := connect(t, s, func(b *bot, e socketmode.Event) {
		if e.Type == socketmode.EventTypeEventsAPI {
			if seen++; seen == 3 {
				b.sock.Ack(*e.Request)
			}
		}
	})
	ts := posted(t, s, slackstub.ChannelAlerts)
	r := must[slackstub.EnvelopeResult](t)(s.Mention(slackstub.Bob, slackstub.ChannelAlerts, ts, "why"))
	ids, first := map[string]bool{}, ""
	// Three seconds to acknowledge; then at once, and after a minute.
	for attempt, wait := range []time.Duration{3 * time.Second, 63 * time.Second, 0} {
		e := b.next(socketmode.EventTypeEventsAPI)
		outer := e.Data.(slackevents.EventsAPIEvent)
		ev := outer.InnerEvent.Data.(*slackevents.AppMentionEvent)
		eventID := outer.Data.(*slackevents.EventsAPICallbackEvent).EventID
		if first == "" {
			first = eventID
		}
		if e.Request.RetryAttempt != attempt || ids[e.Request.EnvelopeID] || ev.ThreadTimeStamp != ts || eventID != first {
			t.Errorf("attempt %d: %+v of event %s", attempt, e.Request, eventID)
		}
		if attempt > 0 && e.Request.RetryReason != "timeout" {
			t.Errorf("retry_reason = %q", e.Request.RetryReason)
		}
		ids[e.Request.EnvelopeID] = true
		clock.Advance(wait)
	}
	r = must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
	if r.Attempt != 2 || r.State != slackstub.StateAcked {
		t.Errorf("result = %+v", r)
	}
}

func TestEventsRaisedWithoutAConnectionComeAsRetries(t *testing.T) {
	clock := slackstub.NewManualClock(time.Now())
	s := slackstub.Start(t, slackstub.Config{Clock: clock})
	must[slackstub.EnvelopeResult](t)(s.Mention(slackstub.Bob, slackstub.ChannelAlerts, "", "status"))
	b := connect(t, s, ackAll)
	clock.Advance(0) // the first retry is due at once
	if e := b.next(socketmode.EventTypeEventsAPI); e.Request.RetryAttempt == 0 {
		t.Errorf("attempt = %d", e.Request.RetryAttempt)
	}
}

func TestAModalOpensTakesErrorsAndCloses(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	api := client(s)
	view := slack.ModalViewRequest{Type: slack.VTModal, CallbackID: "reason", PrivateMetadata: "incident-7",
		Title:  slack.NewTextBlockObject(slack.PlainTextType, "Do it by hand", false, false),
		Submit: slack.NewTextBlockObject(slack.PlainTextType, "Save", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("why", slack.NewTextBlockObject(slack.PlainTextType, "Why?", false, false), nil,
			slack.NewPlainTextInputBlockElement(nil, "text"))}}}
	opened := make(chan error, 2)
	b := connect(t, s, func(b *bot, e socketmode.Event) {
		cb, ok := e.Data.(slack.InteractionCallback)
		switch {
		case !ok:
		case cb.Type == slack.InteractionTypeBlockActions:
			b.sock.Ack(*e.Request)
			_, err := api.OpenView(cb.TriggerID, view)
			opened <- err
			_, err = api.OpenView(cb.TriggerID, view)
			opened <- err
		case cb.View.State.Values["why"]["text"].Value == "because":
			b.sock.Ack(*e.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "Say more."}))
		default:
			b.sock.Ack(*e.Request)
		}
	})
	ts := posted(t, s, slackstub.ChannelAlerts)
	must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Alice, slackstub.ChannelAlerts, ts, "manual", slackstub.ClickOptions{}))
	if err := take(t, opened); err != nil {
		t.Fatal(err)
	}
	if err := take(t, opened); err == nil || err.Error() != "exchanged_trigger_id" {
		t.Errorf("second use of a trigger: %v", err)
	}
	v := s.Views(slackstub.Alice)[0]
	if _, err := s.Submit(slackstub.Alice, v.ID, nil); err == nil {
		t.Error("an empty required input was submitted")
	}
	r := must[slackstub.EnvelopeResult](t)(s.Submit(slackstub.Alice, v.ID, map[string]string{"text": "because"}))
	must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
	if v = s.Views(slackstub.Alice)[0]; v.Errors["why"] != "Say more." {
		t.Errorf("errors = %v", v.Errors)
	}
	r = must[slackstub.EnvelopeResult](t)(s.Submit(slackstub.Alice, v.ID, map[string]string{"text": "the tag is in use elsewhere"}))
	must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
	if vs := s.Views(slackstub.Alice); len(vs) != 0 {
		t.Errorf("views = %+v", vs)
	}
	b.next(socketmode.EventTypeInteractive)
}

func TestALateAcknowledgementIsAProblemAndThePersonSawAFailure(t *testing.T) {
	clock := slackstub.NewManualClock(time.Now())
	s := slackstub.Start(t, slackstub.Config{Clock: clock, Allow: []string{"ack.late"}})
	hold := make(chan socketmode.Event, 1)
	b := connect(t, s, func(_ *bot, e socketmode.Event) {
		if e.Type == socketmode.EventTypeInteractive {
			hold <- e
		}
	})
	ts := posted(t, s, slackstub.ChannelAlerts)
	r := must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Alice, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}))
	e := take(t, hold)
	clock.Advance(3 * time.Second)
	if _, err := s.WaitAck(soon(t), r.ID); !errors.Is(err, slackstub.ErrNotAcknowledged) {
		t.Errorf("error = %v", err)
	}
	cb := e.Data.(slack.InteractionCallback)
	clock.Advance(time.Second)
	if _, err := client(s).OpenView(cb.TriggerID, slack.ModalViewRequest{}); err == nil || err.Error() != "expired_trigger_id" {
		t.Errorf("old trigger: %v", err)
	}
	b.sock.Ack(*e.Request)
	waitFor(t, func() bool { return len(s.Problems()) > 0 })
	if p := s.Problems()[0]; p.Name != "ack.late" || !strings.Contains(p.Detail, "4s") {
		t.Errorf("problem = %v", p)
	}
}

func TestResponseURLsReplacePostAndWearOut(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	b := connect(t, s, ackAll)
	ts := posted(t, s, slackstub.ChannelAlerts)
	must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Carol, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}))
	url := b.next(socketmode.EventTypeInteractive).Data.(slack.InteractionCallback).ResponseURL
	send := func(m *slack.WebhookMessage) error { return slack.PostWebhookContext(soon(t), url, m) }
	if err := send(&slack.WebhookMessage{Text: "you may not approve", ReplaceOriginal: false, ResponseType: "ephemeral"}); err != nil {
		t.Fatal(err)
	}
	msgs := s.Messages(slackstub.ChannelAlerts)
	if last := msgs[len(msgs)-1]; !last.Ephemeral || last.EphemeralTo != slackstub.Carol {
		t.Errorf("answer = %+v", last)
	}
	for i := range 4 {
		if err := send(&slack.WebhookMessage{Text: fmt.Sprint("again ", i), ReplaceOriginal: true}); err != nil {
			t.Fatal(err)
		}
	}
	if m, _ := s.Message(slackstub.ChannelAlerts, ts); m.Text != "again 3" {
		t.Errorf("original = %+v", m)
	}
	if err := send(&slack.WebhookMessage{Text: "sixth"}); err == nil {
		t.Error("a sixth use was accepted")
	}
}
