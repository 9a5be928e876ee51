package chat

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestAStormOfDisconnectsIsMetWithGrowingPatience(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	stub.Storm(1000)
	b.run()
	until(t, "a few connections", func() bool { return len(stub.CallsOf("apps.connections.open")) >= 4 })
	calls := len(stub.CallsOf("apps.connections.open"))
	start := time.Now()
	until(t, "two seconds", func() bool { return time.Since(start) > 2*time.Second })
	if n := len(stub.CallsOf("apps.connections.open")) - calls; n > 4 {
		t.Errorf("%d more connections within 2 s of the storm", n)
	}
	stub.Storm(0)
	until(t, "the connection after the storm", b.Connected)
}

func TestAPressAfterEachKindOfLossOfTheLinkStillArrives(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"warning", "refresh_requested", "link_disabled", "too_many_websockets"} {
		t.Run(reason, func(t *testing.T) {
			lose(t, func(s *slackstub.Server) error { return s.Disconnect(reason, 0, 0) })
		})
	}
	for _, mode := range []slackstub.DropMode{slackstub.DropRST, slackstub.DropFIN, slackstub.DropClose} {
		t.Run(string(mode), func(t *testing.T) {
			lose(t, func(s *slackstub.Server) error { return s.Drop(0, mode) })
		})
	}
}

func lose(t *testing.T, how func(*slackstub.Server) error) {
	t.Helper()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(offered(t, 1, true).i)
	before := b.stub.Connections()
	if err := how(b.stub); err != nil {
		t.Fatal(err)
	}
	until(t, "another connection", func() bool {
		now := b.stub.Connections()
		return len(now) == 1 && now[0] != before[0] && b.Connected()
	})
	e := b.press(slackstub.Alice, at, approveButton)
	b.click().Ack(soon(t))
	if r, err := b.stub.WaitAck(soon(t), e.ID); err != nil || r.State != slackstub.StateAcked {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAGhostLinkIsLeftOnceNoPingsCome(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Timings: slackstub.Timings{Ping: 40 * time.Millisecond}})
	b := unconnected(t, stub)
	socketmode.OptionPingInterval(400 * time.Millisecond)(b.sock)
	b.run()
	until(t, "the greeting", b.Connected)
	ghost := stub.Connections()[0]
	if err := stub.Drop(ghost, slackstub.DropGhost); err != nil {
		t.Fatal(err)
	}
	until(t, "a second connection", func() bool { return len(stub.Connections()) == 2 && b.Connected() })
	until(t, "the alarm", func() bool { return strings.Contains(b.log.String(), "more connections of this app") })
	if err := stub.Drop(ghost, slackstub.DropGhost); err != nil {
		t.Fatal(err)
	}
}

func TestMalformedFramesDoNotEndTheLinkOrLoseAPress(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(offered(t, 1, true).i)
	for _, kind := range []string{"bad_json", "empty", "binary", "unknown_type", "huge_frame"} {
		if err := b.stub.Malformed(kind); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		kind    string
		genuine bool
	}{{"team_null", false}, {"no_is_enterprise_install", true}, {"unknown_block", false}} {
		if err := b.stub.Malformed(c.kind); err != nil {
			t.Fatal(err)
		}
		until(t, "a connection", b.Connected)
		e := b.press(slackstub.Alice, at, approveButton)
		got := b.click()
		got.Ack(soon(t))
		if got.Clicked.Genuine != c.genuine {
			t.Errorf("%s: genuine is %t", c.kind, got.Clicked.Genuine)
		}
		if r, err := b.stub.WaitAck(soon(t), e.ID); err != nil || r.State != slackstub.StateAcked {
			t.Errorf("%s: %+v, %v", c.kind, r, err)
		}
	}
}

func TestAPressThatIsWrittenDownTooLateIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}}))
	at := b.card(offered(t, 1, true).i)
	e := b.press(slackstub.Alice, at, approveButton)
	c := b.click()
	time.Sleep(ackWithin) // the wait is the case
	c.Ack(soon(t))
	for _, f := range b.stub.Frames() {
		if !f.Out && strings.Contains(f.Body, e.ID) {
			t.Error("a late acknowledgement was sent")
		}
	}
}

func TestStoppingSendsTheAcknowledgementsOfPressesThatWereHandedOut(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	at := b.card(offered(t, 1, true).i)
	e := b.press(slackstub.Alice, at, approveButton)
	c := b.click()
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	until(t, "the link to be still there", func() bool { return len(b.stub.Connections()) == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // as a consumer's is, by then
	c.Ack(ctx)
	if r, err := b.stub.WaitAck(soon(t), e.ID); err != nil || r.State != slackstub.StateAcked {
		t.Errorf("%+v, %v", r, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func TestStoppingTakesAFewSecondsAtMostAndLeavesNoGoroutine(t *testing.T) {
	stub := slackstub.Start(t, slackstub.Config{Allow: []string{"ack.*"}})
	before := runtime.NumGoroutine()
	for range 3 {
		b := connected(t, stub)
		at := b.card(offered(t, 1, true).i)
		b.press(slackstub.Alice, at, approveButton)
		b.click() // and never acknowledged
		start := time.Now()
		if err := b.stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > drainFor+time.Second {
			t.Errorf("stopping took %v", took)
		}
		b.http.CloseIdleConnections()
	}
	until(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before+1 })
}

func TestRunEndsWithAClearErrorWhereATokenIsNoLongerTaken(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"invalid_auth", "token_revoked", "account_inactive", "token_expired", "not_allowed_token_type", "missing_scope"} {
		t.Run(code, func(t *testing.T) {
			stub := slackstub.Start(t, slackstub.Config{})
			b := unconnected(t, stub)
			stub.APIError("apps.connections.open", -1, code)
			ended := make(chan error, 1)
			go func() { ended <- b.Run(soon(t)) }()
			select {
			case err := <-ended:
				var refused *TokenError
				if !errors.As(err, &refused) || refused.Setting != appSetting || refused.Code != code || refused.Remedy == "" {
					t.Errorf("Run ended with %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("Run goes on")
			}
		})
	}
}

func TestRunOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	stub.FaultHTTP(slackstub.HTTPFault{Method: "apps.connections.open", N: 2, Mode: slackstub.FaultStatus, Status: 503, Body: "<html>"})
	stub.FaultHTTP(slackstub.HTTPFault{Method: "apps.connections.open", N: 1, Mode: slackstub.FaultStatus, Status: 404})
	stub.FaultHTTP(slackstub.HTTPFault{Method: "apps.connections.open", N: 1, Mode: slackstub.FaultReset})
	stub.APIError("apps.connections.open", 1, "internal_error")
	stub.RateLimit("apps.connections.open", 1, time.Second)
	b.run()
	until(t, "the connection after the outage", b.Connected)
}

func TestRevokedTokensEndRunOverTheSocketToo(t *testing.T) {
	t.Parallel()
	b := connected(t, slackstub.Start(t, slackstub.Config{}))
	b.stub.Raise(map[string]any{"type": "tokens_revoked", "tokens": map[string]any{"oauth": []any{}, "bot": []any{slackstub.BotUserID}}})
	var refused *TokenError
	until(t, "Run to end", func() bool { return !b.Connected() })
	if err := b.stop(); !errors.As(err, &refused) || refused.Setting != botSetting {
		t.Errorf("Run ended with %v", err)
	}
}

func TestABackoffThatHasGrownLongIsBegunAnewUnlessSlackSaysSo(t *testing.T) {
	for _, c := range []struct {
		name    string
		failure slack.ConnectionErrorEvent
		restart bool
	}{
		{"a short one", slack.ConnectionErrorEvent{Backoff: time.Second, ErrorObj: errors.New("refused")}, false},
		{"a long one", slack.ConnectionErrorEvent{Backoff: time.Minute, ErrorObj: errors.New("refused")}, true},
		{"a limit", slack.ConnectionErrorEvent{Backoff: time.Minute, ErrorObj: &slack.RateLimitedError{RetryAfter: time.Minute}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			restarted := false
			r := &session{Slack: &Slack{log: slog.New(slog.DiscardHandler)}, restart: func() { restarted = true }}
			r.failed(&c.failure)
			if restarted != c.restart {
				t.Errorf("restarted: %t", restarted)
			}
		})
	}
}
