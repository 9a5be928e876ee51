package slackstub_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func ctl(t *testing.T, s *slackstub.Server, name string, body m) m {
	t.Helper()
	b := must[[]byte](t)(json.Marshal(body))
	return do(t, must[*http.Request](t)(http.NewRequest(http.MethodPost, s.Origin()+"/_ctl/"+name, bytes.NewReader(b))))
}

func TestEveryKnobIsReachableOverHTTP(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	connect(t, s, ackAll)
	for _, c := range []struct {
		knob string
		body m
	}{
		{"ratelimit", m{"method": "chat.delete", "retryAfter": 1}}, {"http", m{"method": "chat.delete", "mode": "delay", "delayMS": 1}},
		{"apiError", m{"method": "chat.delete", "code": "fatal_error"}}, {"stall", m{"on": true}}, {"stall", m{"on": false}},
		{"noPing", m{"on": true}}, {"dup", m{"type": "interactive"}}, {"reorder", m{"type": "interactive"}},
		{"delay", m{"type": "interactive", "delayMS": 1}}, {"ackLost", m{"type": "interactive"}}, {"malformed", m{"kind": "team_null"}},
		{"removeMember", m{"channel": slackstub.ChannelAlerts, "user": slackstub.Gus}}, {"userDeleted", m{"user": slackstub.Gus, "on": true}},
		{"externalUser", m{"user": slackstub.Gus}}, {"groupEdit", m{"group": slackstub.ApproverGroup, "users": []string{slackstub.Bob}}},
		{"extShared", m{"channel": slackstub.ChannelAlerts, "on": true}}, {"scopes", m{"scopes": []string{"chat:write"}}}, {"allow", m{"names": []string{"x"}}},
		{"storm", m{"n": 1}}, {"noHello", m{"n": 1}}, {"reset", nil}, {"disconnect", m{"reason": "warning", "graceMS": 5}}, {"revoke", m{"code": "token_revoked"}},
		{"drop", m{"mode": "rst"}},
	} {
		if out := ctl(t, s, c.knob, c.body); out["ok"] != true {
			t.Errorf("%s: %v", c.knob, out)
		}
	}
	if out := ctl(t, s, "gravity", nil); out["_status"] != 404.0 {
		t.Errorf("an unknown knob: %v", out)
	}
	if out := ctl(t, s, "storm", m{"colour": "red"}); out["_status"] != 400.0 {
		t.Errorf("an unknown field: %v", out)
	}
	u, _ := s.User(slackstub.Gus)
	if !u.Deleted || u.TeamID != slackstub.ExternalTeamID || slices.Contains(s.Channels()[0].Members, slackstub.Gus) || !s.Channels()[0].IsExtShared {
		t.Errorf("people were not changed: %+v", u)
	}
}

func TestAClickOverHTTPWaitsForItsAcknowledgement(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	connect(t, s, ackAll)
	ts := posted(t, s, slackstub.ChannelAlerts)
	out := ctl(t, s, "click", m{"user": slackstub.Alice, "channel": slackstub.ChannelAlerts, "ts": ts, "action": "approve"})
	if r, _ := out["result"].(m); out["ok"] != true || r["State"] != "acked" {
		t.Errorf("result = %v", out)
	}
	res := must[*http.Response](t)(http.Get(s.Origin() + "/_ctl/state"))
	defer res.Body.Close()
	var state struct {
		Messages  map[string][]slackstub.Message
		Envelopes []slackstub.EnvelopeResult
		Failed    string
	}
	if err := json.NewDecoder(res.Body).Decode(&state); err != nil {
		t.Fatal(err)
	}
	if len(state.Messages[slackstub.ChannelAlerts]) != 1 || len(state.Envelopes) != 1 || state.Failed != "" {
		t.Errorf("state = %+v", state)
	}
}

func TestAnotherSiteCannotPressButtons(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	for _, c := range []struct{ name, header, value string }{
		{"a cross-site request", "Sec-Fetch-Site", "cross-site"},
		{"a name rebound to this machine", "Host", "evil.example"},
	} {
		req := must[*http.Request](t)(http.NewRequest(http.MethodPost, s.Origin()+"/_ctl/storm", nil))
		req.Header.Set(c.header, c.value)
		if c.header == "Host" {
			req.Host = c.value + ":80"
		}
		res := must[*http.Response](t)(http.DefaultClient.Do(req))
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", c.name, res.Status)
		}
	}
}

func TestOnlyLoopbackAddressesAreServed(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80"} {
		if s, err := slackstub.New(slackstub.Config{Addr: addr}); err == nil {
			s.Close()
			t.Errorf("%s was accepted", addr)
		}
	}
}

func TestSharingAChannelTellsTheApp(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{})
	connect(t, s, ackAll)
	if err := s.SetExtShared(slackstub.ChannelAlerts, true); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		e := s.Envelopes()
		return len(e) == 1 && e[0].What == "channel_shared" && e[0].State == slackstub.StateAcked
	})
	c := must[*slack.Channel](t)(client(s).GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: slackstub.ChannelAlerts}))
	if !c.IsExtShared {
		t.Error("conversations.info does not say so")
	}
}
