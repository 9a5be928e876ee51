package llm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

func TestTheBreakerOpensAfterFailuresInARowAndProbesOnce(t *testing.T) {
	b := breaker{}
	now := noon()
	trouble, refusal := troubled(saidBusy, nil), &failure{why: saidRefused.text(), status: 200}
	step := func(f *failure) {
		t.Helper()
		if b.open(now) {
			t.Fatalf("open after %d failures", b.failures)
		}
		b.sent()
		b.came(f, now)
	}
	for range breakAfter - 1 {
		step(trouble)
	}
	step(refusal) // the service is there
	for range breakAfter {
		step(trouble)
	}
	if !b.open(now) || !b.open(now.Add(breakFor-1)) {
		t.Fatal("closed right after the last failure")
	}
	now = now.Add(breakFor)
	if b.open(now) {
		t.Fatal("no probe")
	}
	b.sent()
	if !b.open(now) {
		t.Error("a second request went out beside the probe")
	}
	b.came(trouble, now)
	if !b.open(now) || !b.open(now.Add(breakFor-1)) {
		t.Error("a probe that failed closed the breaker")
	}
	now = now.Add(breakFor)
	b.sent()
	b.came(fails(saidSlow, context.Canceled), now) // the process ends: nothing was learnt
	if b.open(now) || b.failures != breakAfter {
		t.Error("a probe that came to nothing must be made again")
	}
	b.sent()
	b.came(nil, now)
	if b.open(now) || b.failures != 0 {
		t.Error("a good probe closes it")
	}
}

func TestAServiceThatOnlyFailsIsLeftAloneAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		well := false
		e, s := timed(t, func(context.Context, int) (answer, error) {
			if well {
				return good(t), nil
			}
			return answer{}, troubled(saidBusy, nil)
		}, func(c *Config) { c.CallsPerHour = 100 })
		said := []redact.Text{explain(t, e).Failure, explain(t, e).Failure, explain(t, e).Failure}
		if s.calls != breakAfter || said[0] != saidBusy.text() || said[1] != saidBusy.text() || said[2] != saidBroken.text() {
			t.Errorf("%d calls, said %q", s.calls, said)
		}
		time.Sleep(breakFor)
		if got := explain(t, e); s.calls != breakAfter+1 || got.Failure != saidBusy.text() {
			t.Errorf("the probe: %d calls, %q", s.calls, got.Failure)
		}
		time.Sleep(breakFor)
		well = true
		if got := explain(t, e); len(got.Hypotheses) != 1 {
			t.Errorf("after it came back: %q", got.Failure)
		}
	})
}

func TestOverloadOverTheWireOpensTheBreaker(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Overloaded())
	e := geminiOf(t, stub, func(c *Config) { c.CallsPerHour = 100 })
	explain(t, e)
	explain(t, e)
	if got := explain(t, e); got.Failure != saidBroken.text() || len(stub.Calls()) != breakAfter {
		t.Errorf("%q after %d calls", got.Failure, len(stub.Calls()))
	}
}

func TestBudgetsOfADay(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Config)
		want   sentence
	}{
		"calls":  {func(c *Config) { c.CallsPerDay = 2 }, saidCallsDay},
		"tokens": {func(c *Config) { c.TokensPerDay = 2000 }, saidTokensDay},
	} {
		t.Run(name, func(t *testing.T) {
			clock := noon()
			e, s := timed(t, func(context.Context, int) (answer, error) {
				return answer{prompt: 900, output: 100}, fails(saidRefused, errors.New("no"))
			}, tt.change, func(c *Config) { c.Now = now(&clock) })
			for i := range 3 {
				clock = clock.Add(2 * time.Hour) // beyond the hour's budget
				d, evidence := crash()
				d.Root.Name = fmt.Sprint("w", i) // each an incident of its own
				got, err := e.Explain(t.Context(), d, evidence, nil)
				if err != nil || (got.Failure == tt.want.text()) != (i == 2) {
					t.Errorf("case %d: %q, %v", i, got.Failure, err)
				}
			}
			if sum := e.Account(); s.calls != 2 || sum.AvoidedByBudget != 1 {
				t.Errorf("%d calls, %+v", s.calls, sum)
			}
			clock = clock.Add(memory)
			if got := explain(t, e); got.Failure != saidRefused.text() {
				t.Errorf("a day later: %q", got.Failure)
			}
		})
	}
}

func TestEveryCallIsCountedForBothBackends(t *testing.T) {
	stub := startGemini(t)
	stub.Next(geministub.Malformed(saying(sound())), geministub.Answer(saying(sound())).Tokens(geministub.Usage{Prompt: 2000, Candidates: 100, Thoughts: 400}))
	srv := chatServer(t, says(t, "prose", "stop"), says(t, jsonOf(t, saying(sound())), "stop"))
	for name, e := range map[string]*Explainer{
		"gemini": geminiOf(t, stub, priced), "openai": newExplainer(t, Config{Provider: "openai", Model: "llama3.1:8b", BaseURL: srv.URL + "/v1", APIKey: "local", PriceIn: 2, PriceOut: 10}),
	} {
		got := explain(t, e)
		explain(t, e) // remembered
		e.Spared()
		sum := e.Account()
		if got.Calls != 2 || sum.Calls != 2 || sum.CallsFailed != 0 || sum.Explained != 2 || sum.Answered != 2 || sum.AvoidedByMemory != 1 || sum.AvoidedByRules != 1 {
			t.Errorf("%s: %d calls, %+v", name, got.Calls, sum)
		}
		if sum.PromptTokens != got.Prompt || sum.OutputTokens != got.Answer || sum.PromptTokens < 3000 || sum.Waited <= 0 {
			t.Errorf("%s: tokens %+v, the case says %d and %d", name, sum, got.Prompt, got.Answer)
		}
		if want := (2*float64(sum.PromptTokens) + 10*float64(sum.OutputTokens)) / 1e6; math.Abs(sum.Cost-want) > 1e-9 {
			t.Errorf("%s: cost %v, want %v", name, sum.Cost, want)
		}
	}
}

func priced(c *Config) { c.PriceIn, c.PriceOut = 2, 10 }

func TestTheAccountIsLoggedAtTheEndOfEachCase(t *testing.T) {
	var log bytes.Buffer
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	e := geminiOf(t, stub, priced, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	explain(t, e)
	for _, must := range []string{`msg="model call"`, "outcome=answered", `msg="model asked"`, "prompt=v2", "hypotheses=1", "calls=1", "cost=0.0", "sinceStart.explained=1", "sinceStart.avoidedByRules=0"} {
		if !strings.Contains(log.String(), must) {
			t.Errorf("the log lacks %q:\n%s", must, log.String())
		}
	}
}
