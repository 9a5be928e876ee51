package slackstub_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestEachEnvelopeGoesToOneConnectionAndTheEleventhIsTurnedAway(t *testing.T) {
	s := slackstub.Start(t, slackstub.Config{Seed: 7})
	got := make(chan int, 100)
	for i := range 10 {
		connect(t, s, func(b *bot, e socketmode.Event) {
			ackAll(b, e)
			if e.Type == socketmode.EventTypeInteractive {
				got <- i
			}
		})
	}
	if n := len(s.Connections()); n != 10 {
		t.Fatalf("%d connections", n)
	}
	ts := posted(t, s, slackstub.ChannelAlerts)
	used := map[int]int{}
	for range 20 {
		r := must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Alice, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}))
		must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
		used[take(t, got)]++
	}
	if len(used) < 2 || len(got) != 0 {
		t.Errorf("deliveries by connection: %v, %d more", used, len(got))
	}
	frames := rawLink(t, s)
	first := map[string]any{}
	if err := json.Unmarshal([]byte(take(t, frames)), &first); err != nil {
		t.Fatal(err)
	}
	if first["type"] != "disconnect" || first["reason"] != "too_many_websockets" {
		t.Errorf("the eleventh was greeted with %v", first)
	}
	if more := take(t, frames); more != "" {
		t.Errorf("the eleventh was not closed but sent %s", more)
	}
}

func TestDisconnectsAndDropsLeadToANewConnection(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(s *slackstub.Server) error
	}{
		{"warning", func(s *slackstub.Server) error { return s.Disconnect("warning", 0, 0) }},
		{"refresh_requested", func(s *slackstub.Server) error { return s.Disconnect("refresh_requested", 0, 0) }},
		{"RST", func(s *slackstub.Server) error { return s.Drop(0, slackstub.DropRST) }},
		{"FIN without a close frame", func(s *slackstub.Server) error { return s.Drop(0, slackstub.DropFIN) }},
		{"close frame", func(s *slackstub.Server) error { return s.Drop(0, slackstub.DropClose) }},
		{"storm", func(s *slackstub.Server) error { s.Storm(2); return s.Disconnect("warning", 0, 0) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := slackstub.Start(t, slackstub.Config{})
			b := connect(t, s, ackAll)
			ts := posted(t, s, slackstub.ChannelAlerts)
			old := s.Connections()[0]
			if err := c.do(s); err != nil {
				t.Fatal(err)
			}
			waitFor(t, func() bool { ids := s.Connections(); return len(ids) == 1 && ids[0] > old+stormSize(c.name) })
			r := must[slackstub.EnvelopeResult](t)(s.Click(slackstub.Bob, slackstub.ChannelAlerts, ts, "approve", slackstub.ClickOptions{}))
			must[slackstub.EnvelopeResult](t)(s.WaitAck(soon(t), r.ID))
			b.next(socketmode.EventTypeInteractive)
		})
	}
}

func stormSize(name string) int {
	if name == "storm" {
		return 2
	}
	return 0
}

func TestPingsKeepTheirInterval(t *testing.T) {
	clock := slackstub.NewManualClock(time.Now())
	s := slackstub.Start(t, slackstub.Config{Clock: clock})
	connect(t, s, ackAll)
	count := func(kind string) (n int) {
		for _, f := range s.Frames() {
			if f.Kind == kind {
				n++
			}
		}
		return n
	}
	for i := range 3 {
		clock.Advance(5 * time.Second)
		waitFor(t, func() bool { return count("ping") == i+1 && count("pong") == i+1 })
	}
}
