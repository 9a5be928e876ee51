package slackstub_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// bot is slack-go connected to a stand-in, with a handler for each event.
type bot struct {
	t    *testing.T
	api  *slack.Client
	sock *socketmode.Client
	got  chan socketmode.Event
}

func client(s *slackstub.Server) *slack.Client {
	// Without keep-alive a reset knob cannot hit an unrelated later call.
	hc := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	return slack.New(s.BotToken(), slack.OptionAppLevelToken(s.AppToken()), slack.OptionAPIURL(s.URL()), slack.OptionHTTPClient(hc))
}

// connect runs a Socket Mode client whose events are handed to handle, and
// waits until it is greeted.
func connect(t *testing.T, s *slackstub.Server, handle func(b *bot, e socketmode.Event)) *bot {
	t.Helper()
	api := client(s)
	b := &bot{t: t, api: api, got: make(chan socketmode.Event, 100),
		sock: socketmode.New(api, socketmode.OptionLog(log.New(io.Discard, "", 0)))}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.sock.RunContext(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	hello := make(chan struct{}, 100)
	go func() {
		for {
			select {
			case e := <-b.sock.Events:
				if e.Type == socketmode.EventTypeHello {
					hello <- struct{}{}
				}
				if handle != nil {
					handle(b, e)
				}
				select {
				case b.got <- e:
				default:
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	select {
	case <-hello:
	case <-time.After(patience):
		t.Fatal("no hello")
	}
	return b
}

// next returns the next event of a type.
func (b *bot) next(kind socketmode.EventType) socketmode.Event {
	b.t.Helper()
	end := time.After(patience)
	for {
		select {
		case e := <-b.got:
			if e.Type == kind {
				return e
			}
		case <-end:
			b.t.Fatalf("no event %s", kind)
		}
	}
}

func ackAll(b *bot, e socketmode.Event) {
	if e.Request != nil && e.Request.EnvelopeID != "" {
		b.sock.Ack(*e.Request)
	}
}

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func card() []slack.Block {
	approve := slack.NewButtonBlockElement("approve", "proposal-1", slack.NewTextBlockObject(slack.PlainTextType, "Approve fix", true, false))
	approve.Style = slack.StylePrimary
	approve.Confirm = slack.NewConfirmationBlockObject(
		slack.NewTextBlockObject(slack.PlainTextType, "Run this change?", false, false),
		slack.NewTextBlockObject(slack.PlainTextType, "One object changes.", false, false),
		slack.NewTextBlockObject(slack.PlainTextType, "Approve", false, false),
		slack.NewTextBlockObject(slack.PlainTextType, "Not now", false, false))
	manual := slack.NewButtonBlockElement("manual", "proposal-1", slack.NewTextBlockObject(slack.PlainTextType, "I'll do it manually", true, false))
	return []slack.Block{
		slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, "checkout is down", true, false)),
		slack.NewSectionBlock(&slack.TextBlockObject{Type: slack.MarkdownType, Text: "*Cause:* image tag does not exist", Verbatim: true}, nil, nil),
		slack.NewActionBlock("gate", approve, manual),
	}
}
