package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/slackstub/page"
	"github.com/countersign-dev/countersign/test/stand"
)

//go:embed shop/1-yesterday.yaml
var yesterday string

//go:embed shop/2-today.yaml
var today string

const namespace = "shop"

type options struct {
	auto bool
	addr string
	out  io.Writer
}

// story prints each step with the time since the fault was made.
type story struct {
	out   io.Writer
	start time.Time
}

func (s *story) say(format string, args ...any) {
	fmt.Fprintf(s.out, "%7.1fs  %s\n", time.Since(s.start).Seconds(), fmt.Sprintf(format, args...))
}

func runDemo(ctx context.Context, o options) (err error) {
	tell := &story{out: o.out, start: time.Now()}
	fmt.Fprintln(o.out, "Countersign demo: a real Kubernetes, a small shop, and a stand-in for Slack.")
	st, err := stand.New(ctx, stand.Config{
		Name: "demo", Namespaces: []string{namespace}, Slack: slackstub.Config{Addr: o.addr},
		Env: modelSettings(), Log: func(line string) { tell.say("%s", line) },
	})
	if err != nil {
		return err
	}
	defer func() {
		tell.say("cleaning up")
		err = errors.Join(err, st.Close())
	}()
	handler, err := page.New(st.Slack)
	if err != nil {
		return err
	}
	st.Slack.SetPage(handler)
	tell.say("deploying the shop as it ran yesterday")
	if err := st.Apply(ctx, namespace, yesterday); err != nil {
		return err
	}
	for _, name := range []string{"web", "cart", "search"} {
		if err := await(ctx, 90*time.Second, func(ctx context.Context) error { return st.AwaitRollout(ctx, namespace, name) }); err != nil {
			return err
		}
	}
	if _, err := st.Start(ctx); err != nil {
		return err
	}
	tell.say("countersign runs; Slack's page: %s", st.Slack.Origin())
	fmt.Fprintf(o.out, "\n   Open %s, sign in as Alice (an approver), read #alerts.\n\n", st.Slack.Origin())
	tell.start = time.Now()
	tell.say("today's changes are deployed: seven workloads break, each for one reason")
	if err := st.Apply(ctx, namespace, today); err != nil {
		return err
	}
	if o.auto {
		return playAuto(ctx, st, tell)
	}
	follow(ctx, st, tell)
	return nil
}

// modelSettings hands the model's settings on; without a key the demo runs
// without a model.
func modelSettings() map[string]string {
	env := map[string]string{}
	for _, name := range []string{"AI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "AI_MODEL", "AI_PROVIDER", "AI_BASE_URL"} {
		if v := os.Getenv(name); v != "" {
			env[name] = v
		}
	}
	return env
}

func await(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// follow prints what happens in the channel until the person ends it.
func follow(ctx context.Context, st *stand.Stand, tell *story) {
	events, cancel := st.Slack.Subscribe()
	defer cancel()
	tell.say("press Ctrl-C to end the demo; everything is removed then")
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			if e.Message.Channel == slackstub.ChannelAlerts && e.Message.BotID != "" {
				tell.say("%s", firstLine(e.Message))
			}
		}
	}
}

func firstLine(m slackstub.Message) string {
	text := m.Text
	if text == "" {
		text = m.PlainText()
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
