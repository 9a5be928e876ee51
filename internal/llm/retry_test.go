package llm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

// scripted is a backend without a wire, for tests of time.
type scripted struct {
	mu     sync.Mutex
	calls  int
	script func(ctx context.Context, n int) (answer, error)
}

func (s *scripted) ask(ctx context.Context, _ question) (answer, error) {
	s.mu.Lock()
	s.calls++
	n := s.calls
	s.mu.Unlock()
	return s.script(ctx, n)
}

// leakyBackend adds something secret to what it is given.
type leakyBackend struct{ backend }

func (l leakyBackend) ask(ctx context.Context, q question) (answer, error) {
	q.user += "\npassword=" + "correct" + "horse" + "battery"
	return l.backend.ask(ctx, q)
}

func timed(t *testing.T, ask func(ctx context.Context, n int) (answer, error), change ...func(*Config)) (*Explainer, *scripted) {
	t.Helper()
	cfg := Config{Provider: "openai", Model: "m", BaseURL: "http://127.0.0.1:1", Now: time.Now}
	for _, f := range change {
		f(&cfg)
	}
	e := newExplainer(t, cfg)
	s := &scripted{script: ask}
	e.backend = s
	return e, s
}

func now(clock *time.Time) func() time.Time { return func() time.Time { return *clock } }

func good(t *testing.T) answer { return answer{text: jsonOf(t, saying(sound())), model: "m"} }

func limitedFor(d time.Duration) error {
	return &failure{why: saidMinute.text(), again: true, after: d}
}

func TestTheServicesPauseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := timed(t, func(_ context.Context, n int) (answer, error) {
			if n == 1 {
				return answer{}, limitedFor(38 * time.Second)
			}
			return good(t), nil
		})
		began := time.Now()
		got := explain(t, e)
		if took := time.Since(began); len(got.Hypotheses) != 1 || s.calls != 2 || took < 38*time.Second || took > 43*time.Second {
			t.Errorf("%q after %d calls and %s", got.Failure, s.calls, time.Since(began))
		}
		if got.Took < 38_000 {
			t.Errorf("took %d ms", got.Took)
		}
	})
}

func TestAPauseBeyondTheDeadlineIsNotWaitedForAndNobodyCallsWithinIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := timed(t, func(_ context.Context, n int) (answer, error) {
			if n == 1 {
				return answer{}, limitedFor(10 * time.Minute)
			}
			return good(t), nil
		})
		began := time.Now()
		for range 3 {
			if got := explain(t, e); got.Failure != saidMinute.text() {
				t.Errorf("%q", got.Failure)
			}
		}
		if s.calls != 1 || time.Since(began) != 0 {
			t.Errorf("%d calls in %s", s.calls, time.Since(began))
		}
		time.Sleep(10 * time.Minute)
		if got := explain(t, e); len(got.Hypotheses) != 1 {
			t.Errorf("after the pause: %q", got.Failure)
		}
	})
}

func TestADailyQuotaStopsCallsUntilTomorrow(t *testing.T) {
	for now, want := range map[string]string{
		"2026-11-20T07:59:59Z":      "2026-11-20T08:00:00Z",
		"2026-11-20T08:00:00Z":      "2026-11-21T08:00:00Z",
		"2026-11-20T23:30:00Z":      "2026-11-21T08:00:00Z",
		"2026-11-20T23:30:00-08:00": "2026-11-21T08:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := tomorrow(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", now, got, want)
		}
	}
	stub := startGemini(t)
	stub.Next(geministub.RateLimitedDay(38*time.Second), geministub.Answer(saying(sound())))
	clock := noon()
	e := geminiOf(t, stub, func(c *Config) { c.Now = func() time.Time { return clock } })
	for _, later := range []time.Duration{0, time.Minute, 19 * time.Hour} {
		clock = noon().Add(later)
		if got := explain(t, e); got.Failure != saidDay.text() {
			t.Errorf("after %s: %q", later, got.Failure)
		}
	}
	if n := len(stub.Calls()); n != 1 {
		t.Errorf("%d calls on a spent day", n)
	}
	clock = noon().Add(20*time.Hour + time.Second)
	if got := explain(t, e); len(got.Hypotheses) != 1 {
		t.Errorf("tomorrow: %q", got.Failure)
	}
}

func TestARequestThatHangsIsSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := timed(t, func(ctx context.Context, n int) (answer, error) {
			if n == 1 {
				<-ctx.Done()
				return answer{}, ctx.Err()
			}
			return good(t), nil
		})
		if got := explain(t, e); len(got.Hypotheses) != 1 || s.calls != 2 {
			t.Errorf("%q after %d calls", got.Failure, s.calls)
		}
	})
}

func TestAServiceThatAlwaysHangsEndsWithinTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := timed(t, func(ctx context.Context, _ int) (answer, error) {
			<-ctx.Done()
			return answer{}, ctx.Err()
		})
		began := time.Now()
		if got := explain(t, e); got.Failure != saidSlow.text() {
			t.Errorf("%q", got.Failure)
		}
		if took := time.Since(began); took > DefaultTimeout {
			t.Errorf("took %s", took)
		}
	})
}

func TestTheHourlyBreakerCountsEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := timed(t, func(context.Context, int) (answer, error) {
			return answer{}, &failure{why: saidBusy.text(), again: true}
		})
		var said []redact.Text
		for range 6 {
			said = append(said, explain(t, e).Failure)
		}
		if s.calls != DefaultCallsPerHour {
			t.Errorf("%d calls, the budget is %d", s.calls, DefaultCallsPerHour)
		}
		if said[3] != saidBusy.text() || said[4] != saidCalls.text() || said[5] != saidCalls.text() {
			t.Errorf("said %q", said)
		}
		time.Sleep(time.Hour)
		explain(t, e)
		if s.calls != DefaultCallsPerHour+maxAttempts {
			t.Errorf("an hour later %d calls in all", s.calls)
		}
	})
}

func TestTokensAreBudgetedByIncident(t *testing.T) {
	clock := noon()
	e, s := timed(t, func(context.Context, int) (answer, error) {
		return answer{prompt: 900, output: 100}, fails(saidRefused, errors.New("no"))
	}, func(c *Config) { c.TokensPerIncident, c.Now = 2000, func() time.Time { return clock } })
	for range 2 {
		if got := explain(t, e); got.Failure != saidRefused.text() || got.Prompt != 900 || got.Answer != 100 {
			t.Errorf("%+v", got)
		}
	}
	if got := explain(t, e); got.Failure != saidTokens.text() || s.calls != 2 {
		t.Errorf("%q after %d calls", got.Failure, s.calls)
	}
	d, evidence := crash()
	d.Root.Name = "payments"
	if got, err := e.Explain(t.Context(), d, evidence, nil); err != nil || got.Failure != saidRefused.text() {
		t.Errorf("another incident pays for the first: %q, %v", got.Failure, err)
	}
	clock = clock.Add(24 * time.Hour)
	if got := explain(t, e); got.Failure != saidRefused.text() {
		t.Errorf("a day later: %q", got.Failure)
	}
}

func TestTheSameQuestionIsNotAskedTwice(t *testing.T) {
	clock := noon()
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	e := geminiOf(t, stub, func(c *Config) { c.Now = func() time.Time { return clock } })
	first, second := explain(t, e), explain(t, e)
	if len(stub.Calls()) != 1 || len(second.Hypotheses) != 1 || second.Prompt != 0 || first.Prompt == 0 || second.Model != first.Model {
		t.Errorf("%d calls; %+v", len(stub.Calls()), second)
	}
	d, evidence := crash()
	evidence[0].Text = redact.Literal("terminated with exit code 2 (Error)")
	if _, err := e.Explain(t.Context(), d, evidence, nil); err != nil || len(stub.Calls()) != 2 {
		t.Errorf("other evidence is another question: %d calls, %v", len(stub.Calls()), err)
	}
	clock = clock.Add(memory)
	explain(t, e)
	if len(stub.Calls()) != 3 {
		t.Errorf("%d calls after a day", len(stub.Calls()))
	}
}

func TestTheLedgerStaysSmall(t *testing.T) {
	clock := noon()
	l := newLedger(func() time.Time { return clock }, limits{callsPerHour: 10, callsPerDay: 240, tokensPerIncident: 1000, tokensPerDay: 1e6})
	for i := range 5000 {
		clock = clock.Add(time.Minute)
		_ = l.take(fmt.Sprint(i))
		l.came(fmt.Sprint(i), 10, nil)
		_ = l.takeQuestion(fmt.Sprint(i % 7))
		l.keep(question{user: fmt.Sprint(i)}, answer{})
	}
	if len(l.calls) > 24*10+7*maxPerIncident || len(l.answers) > maxRemembered {
		t.Errorf("%d calls and %d answers are kept", len(l.calls), len(l.answers))
	}
}

func TestExplainersAreSafeForConcurrentUse(t *testing.T) {
	e, s := timed(t, func(context.Context, int) (answer, error) { return good(t), nil })
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			d, evidence := crash()
			evidence[0].At = noon().Add(time.Duration(i) * time.Second)
			if _, err := e.Explain(t.Context(), d, evidence, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.calls != DefaultCallsPerHour {
		t.Errorf("%d calls", s.calls)
	}
}

func TestACancelledPauseEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _ := timed(t, func(context.Context, int) (answer, error) { return answer{}, limitedFor(time.Minute) })
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
		defer cancel()
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		d, evidence := crash()
		out, err := e.Explain(ctx, d, evidence, nil)
		if !errors.Is(err, context.Canceled) || time.Since(began) != time.Second || out.Model != "" || out.Hypotheses != nil {
			t.Errorf("%+v, %v after %s", out, err, time.Since(began))
		}
	})
}

func TestASimplerFormIsAskedForAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := timed(t, func(_ context.Context, n int) (answer, error) {
			if n < 3 {
				return answer{}, &failure{why: saidRejected.text(), status: 400, plainer: true}
			}
			return good(t), nil
		})
		began := time.Now()
		if got := explain(t, e); len(got.Hypotheses) != 1 || s.calls != 3 || time.Since(began) != 0 {
			t.Errorf("%q after %d calls and %s", got.Failure, s.calls, time.Since(began))
		}
	})
}
