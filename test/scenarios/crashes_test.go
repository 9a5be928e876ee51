package scenarios_test

import (
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/test/geministub"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

func (f *faults) killedAfterPress() {
	f.start()
	f.breakImage("acked")
	f.press("acked")
	f.kill()
	f.start()
	f.fixedOnce("acked")
}

func (f *faults) killedWhileExecuting() {
	f.start()
	f.breakImage("running")
	f.press("running")
	f.until("the Job is created", func() bool { return f.executions("running") == 1 })
	f.kill()
	f.start()
	f.fixedOnce("running")
}

func (f *faults) killedBeforeCard() {
	f.start()
	f.s.Slack.APIError("chat.postMessage", -1, "internal_error")
	f.breakImage("unsaid")
	f.until("a card is tried", func() bool { return f.s.Slack.KnobUses()["apiError"] > 0 })
	f.kill()
	f.breakImage("unseen") // while nobody looks
	f.s.Slack.ResetKnobs()
	f.start()
	for _, name := range []string{"unsaid", "unseen"} {
		f.card(name, stand.HasButton("cs-approve"))
		if n := f.cards(name); n != 1 {
			f.Errorf("%d cards of %s", n, name)
		}
	}
}

func (f *faults) stoppedAfterPress() {
	f.start()
	f.breakImage("stopped")
	f.press("stopped")
	f.stop()
	f.start()
	f.fixedOnce("stopped")
}

func (f *faults) stoppedWhilePosting() {
	f.start()
	f.apply("posting", absentImage, sleeps)
	f.s.Slack.FaultHTTP(slackstub.HTTPFault{Method: "chat.postMessage", N: 1, Mode: slackstub.FaultDelay, Delay: time.Second})
	f.until("the card is on its way", func() bool { return f.s.Slack.KnobUses()["http.delay"] > 0 })
	f.stop()
	f.start()
	f.card("posting", nil)
	f.apply("posting", soundImage, sleeps) // and the process has had time for a second card
	f.card("posting", stand.Says("Cleared by itself"))
	if n := f.cards("posting"); n != 1 {
		f.Errorf("%d cards", n)
	}
}

func (f *faults) slackOutage() {
	f.start()
	slack := f.s.Slack
	var names []string
	for n, spoil := range []func(){
		func() { slack.APIError("chat.postMessage", -1, "internal_error") },
		func() {
			slack.FaultHTTP(slackstub.HTTPFault{N: 1000, Mode: slackstub.FaultStatus, Status: 500, Body: "<html>oops</html>"})
		},
		func() { slack.FaultHTTP(slackstub.HTTPFault{N: 1000, Mode: slackstub.FaultReset}) },
		func() { slack.RateLimit("chat.postMessage", 1000, time.Second) },
	} {
		spoil()
		for _, suffix := range []string{"a", "b"} {
			names = append(names, fmt.Sprintf("outage-%d%s", n, suffix))
			f.apply(names[len(names)-1], absentImage, sleeps)
		}
		f.pause(4 * time.Second)
		slack.ResetKnobs()
	}
	for _, name := range names {
		f.card(name, nil)
	}
	f.used("apiError", "http.status", "http.reset", "ratelimit")
	f.pause(3 * time.Second) // what would post a second time does so by now
	for _, name := range names {
		if n := f.cards(name); n != 1 {
			f.Errorf("%d cards of %s", n, name)
		}
	}
}

func (f *faults) lostAnswer() {
	f.start()
	before := f.s.Slack.KnobUses()["http.lost"]
	f.s.Slack.FaultHTTP(slackstub.HTTPFault{Method: "chat.postMessage", N: 2, Mode: slackstub.FaultLost})
	f.breakImage("lost")
	f.until("both answers are lost", func() bool { return f.s.Slack.KnobUses()["http.lost"] == before+2 })
	f.until("the last card has its button", func() bool {
		for _, m := range f.s.Slack.Messages(slackstub.ChannelAlerts) {
			if isCard(m, "lost") && stand.HasButton("cs-approve")(m) {
				return true
			}
		}
		return false
	})
	f.press("lost")
	f.card("lost", stand.Says("Recovered"))
	if n := f.executions("lost"); n != 1 {
		f.Errorf("%d executions", n)
	}
	if n := f.cards("lost"); n > 3 {
		f.Errorf("%d cards, two answers were lost", n)
	}
}

func (f *faults) socketStorm() {
	f.start()
	f.breakImage("storm")
	f.card("storm", stand.HasButton("cs-approve"))
	slack := f.s.Slack
	slack.Storm(3)
	// Each press comes again under other envelopes, on whatever connection is open.
	slack.Duplicate(slackstub.Duplication{Type: slackstub.TypeInteractive, N: 3, Times: 2, After: 300 * time.Millisecond})
	hangUp := func() { _ = slack.Disconnect("refresh_requested", 0, 0) } // there may be none, in a storm
	hangUp()
	stop := time.AfterFunc(50*time.Millisecond, hangUp)
	defer stop.Stop()
	f.press("storm")
	hangUp()
	f.fixedOnce("storm")
	f.used("storm", "disconnect", "dup")
}

// modelFails lets the model hang, answer errors and nonsense about what the
// rules alone cannot prove. The card is what it would be without a model, and a
// question that hangs does not hold up the end of the process.
func (f *faults) modelFails() {
	f.start()
	f.model.On(geministub.Any(), geministub.Text("{}").HangAfter(1))
	f.apply("riddle", soundImage, "echo the answer is 42; exit 3")
	f.card("riddle", nil)
	f.until("the model is asked", func() bool { return len(f.model.Calls()) > 0 })
	f.stop()
	f.model.Reset()
	hung := len(f.model.Calls())
	f.model.On(geministub.Any(), geministub.Overloaded(), geministub.ServerErrorHTML(), geministub.Text("}{ no JSON"),
		geministub.Answer(map[string]any{"hypotheses": "none"}), geministub.NoParts(), geministub.Blocked("SAFETY"))
	f.start()
	f.until("the model is asked again", func() bool { return len(f.model.Calls()) > hung+2 })
	f.breakImage("beside") // and everything else goes on
	f.press("beside")
	f.fixedOnce("beside")
	if n := f.cards("riddle"); n != 1 {
		f.Errorf("%d cards", n)
	}
}
