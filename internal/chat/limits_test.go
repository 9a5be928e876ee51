package chat

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestThePacerDelaysOnlyConnectionsThatDoNotLive(t *testing.T) {
	now := noon()
	p := &pacer{now: func() time.Time { return now }}
	var waits []time.Duration
	for range 12 {
		d := p.delay()
		waits = append(waits, d)
		now = now.Add(d + 10*time.Millisecond)
	}
	for n, d := range waits[:3] {
		if d != 0 {
			t.Errorf("connection %d waits %v", n, d)
		}
	}
	for n := 4; n < len(waits); n++ {
		if waits[n] < waits[n-1]/2 || waits[n] > paceMost*5/4 {
			t.Errorf("waits are %v", waits)
		}
	}
	if waits[len(waits)-1] < paceMost {
		t.Errorf("the last wait is %v", waits[len(waits)-1])
	}
	now = now.Add(time.Hour)
	if d := p.delay(); d != 0 {
		t.Errorf("after an hour the next connection waits %v", d)
	}
}

func TestARateLimitIsWaitedForAndHoldsTheMethodBack(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	stub.RateLimit("chat.postMessage", 1, time.Second)
	start := time.Now()
	b.card(tell(t).looked(diagnosis()).i)
	if took := time.Since(start); took < time.Second || len(stub.CallsOf("chat.postMessage")) != 2 {
		t.Errorf("%d calls in %v", len(stub.CallsOf("chat.postMessage")), took)
	}
	stub.RateLimit("chat.postMessage", 1, time.Hour)
	var limited *LimitedError
	for range 2 {
		if _, err := b.Card(soon(t), tell(t).looked(diagnosis()).i, incident.Posted{}); !errors.As(err, &limited) {
			t.Errorf("an hour's limit gives %v", err)
		}
	}
	if n := len(stub.CallsOf("chat.postMessage")); n != 3 {
		t.Errorf("%d calls: a limited method was called on", n)
	}
}

func TestALostAnswerIsReportedAsSuchAndTheOlderCopyGoesOnceItIsKnown(t *testing.T) {
	t.Parallel()
	for _, mode := range []slackstub.FaultMode{slackstub.FaultLost, slackstub.FaultTruncate} {
		t.Run(string(mode), func(t *testing.T) {
			b := connected(t, slackstub.Start(t, slackstub.Config{}))
			story := offered(t, 1, true)
			b.stub.FaultHTTP(slackstub.HTTPFault{Method: "chat.postMessage", N: 1, Mode: mode})
			if _, err := b.Card(soon(t), story.i, incident.Posted{}); !errors.Is(err, ErrMaybePosted) {
				t.Fatalf("a lost answer gives %v", err)
			}
			older := b.stub.Messages(slackstub.ChannelAlerts)[0]
			at := b.card(story.i)
			b.press(slackstub.Alice, incident.Posted{Channel: at.Channel, TS: older.TS}, approveButton)
			c := b.click()
			c.Ack(soon(t))
			if c.Clicked.Message != older.TS || !c.Clicked.Genuine {
				t.Errorf("the press on the older copy: %+v", c.Clicked)
			}
			until(t, "the older copy to go", func() bool { m, ok := b.stub.Message(at.Channel, older.TS); return !ok || m.Deleted })
			if m, ok := b.stub.Message(at.Channel, at.TS); !ok || m.Deleted {
				t.Error("the card itself went")
			}
		})
	}
	b := unconnected(t, slackstub.Start(t, slackstub.Config{}))
	b.stub.APIError("chat.postMessage", 1, "msg_too_long")
	if _, err := b.Card(soon(t), tell(t).looked(diagnosis()).i, incident.Posted{}); err == nil || errors.Is(err, ErrMaybePosted) {
		t.Errorf("a refused post gives %v", err)
	}
	b.stub.FaultHTTP(slackstub.HTTPFault{Method: "chat.update", N: 1, Mode: slackstub.FaultLost})
	if _, err := b.Card(soon(t), tell(t).looked(diagnosis()).i, incident.Posted{Channel: slackstub.ChannelAlerts, TS: "1.000001"}); err == nil || errors.Is(err, ErrMaybePosted) {
		t.Errorf("a lost update, which may be repeated, gives %v", err)
	}
}

func TestARecentKeyIsForgottenAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecent(time.Now)
		if !r.first("a") || r.first("a") || !r.first("b") {
			t.Error("a key is first more than once")
		}
		time.Sleep(keepSeen)
		if !r.first("a") {
			t.Error("an old key is remembered")
		}
		for n := range 3 * maxRecent {
			r.first(string(rune('a' + n)))
		}
		if len(r.at) > maxRecent {
			t.Errorf("%d keys are kept", len(r.at))
		}
	})
}
