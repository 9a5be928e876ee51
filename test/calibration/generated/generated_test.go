package generated

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

var update = flag.Bool("update", false, "write docs/calibration.md and its plot anew")

const model = "gemini-3.8-flash"

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// lived is an incident after its end, with what the model said of it.
type lived struct {
	drawn
	found     incident.Collected
	explained incident.Explained
	outcomes  []calibrate.Outcome
}

// live has the incidents of a kind explained over the wire, judged by a person who
// knows the truth, and closed.
func live(ctx context.Context, kind int) ([]lived, error) {
	server, err := geministub.Start(geministub.Config{StrictSampling: true})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	cases := draw(kind)
	bySubject := map[string]drawn{}
	for _, d := range cases {
		bySubject[d.subject().Name] = d
	}
	server.On(geministub.Any(), geministub.AnswerFunc(func(r geministub.Request) (any, error) {
		d, ok := bySubject[named.FindString(r.Prompt())]
		if !ok {
			return nil, errors.New("a prompt about no incident of this run")
		}
		sample := 0
		if seed := r.GenerationConfig.Seed; seed != nil {
			sample = *seed
		}
		return map[string]any{"hypotheses": []any{d.says(sample)}}, nil
	}))
	now := noon
	wire := &http.Transport{}
	defer wire.CloseIdleConnections()
	explainer, err := llm.New(ctx, llm.Config{
		Provider: "gemini", Model: model, BaseURL: server.URL(), APIKey: server.APIKey(), Samples: samples, Transport: wire,
		Redactor: redact.New(redact.Config{Key: []byte("a key for tests"), Scope: "generated"}),
		Now:      func() time.Time { return now }, CallsPerHour: 1 << 20, CallsPerDay: 1 << 20, TokensPerDay: 1 << 30, Timeout: time.Hour,
	})
	if err != nil {
		return nil, err
	}
	out := make([]lived, len(cases))
	for n, d := range cases {
		now = now.Add(25 * time.Hour) // a new day: the budgets are not what is tested
		out[n] = lived{drawn: d, found: d.found()}
		if err := out[n].explain(ctx, explainer); err != nil {
			return nil, fmt.Errorf("%s: %w", d.id, err)
		}
		if err := out[n].end(); err != nil {
			return nil, fmt.Errorf("%s: %w", d.id, err)
		}
	}
	if problems := server.Problems(); len(problems) > 0 {
		return nil, fmt.Errorf("the stand-in complains: %q", problems)
	}
	return out, nil
}

var named = regexp.MustCompile(`app-[0-9a-f]{12}`)

func (l *lived) explain(ctx context.Context, e *llm.Explainer) error {
	answer, err := e.Explain(ctx, l.found.Diagnosis, l.found.Evidence, nil)
	if err != nil {
		return err
	}
	if len(answer.Hypotheses) == 0 || answer.Hypotheses[0].Samples != samples {
		return fmt.Errorf("not all samples came: %+v", answer)
	}
	answer.Key, answer.Evidence = "k", l.found.Digest
	l.explained = answer
	return nil
}

// end writes the incident's records as both roles do, and reads its outcomes from
// them as the product does.
func (l *lived) end() error {
	alice := incident.Person{ID: "U1", Team: "T1"}
	sealer := &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	best := l.explained.Hypotheses[0]
	verdict := incident.Verdict{Right: best.Cause == l.cause, Cause: l.cause}
	if verdict.Right {
		verdict.Root = best.Root
	}
	heard := verdict
	heard.Click, heard.By, heard.At = "c1", alice, noon
	heard.Of = incident.Claim{Cause: best.Cause, Root: best.Root, By: "model:" + l.explained.Model}
	opened := incident.Signal{Symptom: incident.SymptomCrashLoop, Object: l.subject(), Subject: l.subject()}
	var records []incident.Record
	var last action.Hash
	for _, body := range []incident.Body{
		&incident.Opened{Fingerprint: string(l.id), Signal: opened}, &l.found, &incident.Explaining{Key: "k", Model: model}, &l.explained,
		&incident.Posting{Slot: incident.CardSlot}, &incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"},
		&incident.Closed{Why: "cleared"},
		&incident.Clicked{Click: "c1", Verb: incident.Judge, Person: alice, Genuine: true, PressedAt: noon, Verdict: &verdict}, &heard,
	} {
		r, err := incident.Next(l.id, len(records), last, roleOf(body), body, noon, sealer)
		if err != nil {
			return err
		}
		records, last = append(records, r), r.Hash()
	}
	if _, bad := incident.Replay(records, sealer); len(bad) > 0 {
		return fmt.Errorf("its records do not follow: %s", bad[0].Reason)
	}
	if l.outcomes = calibrate.Outcomes(records); len(l.outcomes) != len(l.explained.Hypotheses) {
		return fmt.Errorf("%d outcomes of %d hypotheses", len(l.outcomes), len(l.explained.Hypotheses))
	}
	return nil
}

func roleOf(body incident.Body) incident.Role {
	switch body.(type) {
	case *incident.Posting, *incident.Posted, *incident.Clicked, *incident.Verdict:
		return incident.Gate
	}
	return incident.Watcher
}

// result is what the run shows.
type result struct {
	self, calibrated calibrate.Scores
	right            int
	set              float64 // the accuracy of one answer, as it was set, on average
	bold, boldRight  int     // of those whose bound reached the floor
}

const (
	folds = 4
	floor = 0.75
)

// measure has each quarter of the kinds of faults weighed by a book that was made
// of the other three.
func measure(all [][]lived) result {
	var out result
	var self, calibrated []calibrate.Pair
	for fold := range folds {
		var known []calibrate.Outcome
		for kind, cases := range all {
			for _, l := range cases {
				if kind%folds != fold {
					known = append(known, l.outcomes...)
				}
			}
		}
		book := calibrate.NewBook(calibrate.Record{}, known)
		for kind, cases := range all {
			if kind%folds != fold {
				continue
			}
			for _, l := range cases {
				e := l.explained
				e.Hypotheses = append([]incident.Hypothesis(nil), e.Hypotheses...)
				book.Weigh(l.found.Diagnosis, l.found.Evidence, &e)
				best := e.Hypotheses[0]
				right := best.Cause == l.cause
				self = append(self, calibrate.Pair{Said: best.SelfReport, Right: right})
				calibrated = append(calibrated, calibrate.Pair{Said: best.Confidence.Value, Right: right})
				out.set += l.accuracy / float64(len(all)*perFault)
				if right {
					out.right++
				}
				if best.Confidence.Measured && best.Confidence.Lower >= floor {
					out.bold++
					if right {
						out.boldRight++
					}
				}
			}
		}
	}
	out.self, out.calibrated = calibrate.Score(self), calibrate.Score(calibrated)
	return out
}

// TestCalibrationOnGeneratedIncidents is the promise: debiased ECE at most 0.03 on
// kinds of faults that were held out, and a Brier score of at most half of what the
// model's own word has.
func TestCalibrationOnGeneratedIncidents(t *testing.T) {
	began := time.Now()
	all := make([][]lived, len(faults))
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(6)
	for kind := range faults {
		group.Go(func() (err error) {
			all[kind], err = live(ctx, kind)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	got := measure(all)
	t.Logf("%d incidents of %d kinds, %d samples each, in %s", got.calibrated.N, len(faults), samples, time.Since(began).Round(time.Second))
	t.Logf("\n%s", got.table())
	switch {
	case got.calibrated.N < 1000:
		t.Errorf("%d incidents are too few", got.calibrated.N)
	case got.calibrated.ECE > 0.03:
		t.Errorf("debiased ECE %.4f, want 0.03 at most", got.calibrated.ECE)
	case got.calibrated.Brier > got.self.Brier/2:
		t.Errorf("Brier score %.4f, want at most half of the self-report's %.4f", got.calibrated.Brier, got.self.Brier)
	case got.bold == 0 || float64(got.boldRight) < floor*float64(got.bold):
		t.Errorf("%d of %d were right whose lower bound was at or above the floor", got.boldRight, got.bold)
	}
	page, plot := got.page(), got.plot()
	if *update {
		write(t, pageFile, page)
		write(t, plotFile, plot)
	}
	for file, want := range map[string][]byte{pageFile: page, plotFile: plot} {
		if have, err := os.ReadFile(file); err != nil || string(have) != string(want) {
			t.Errorf("%s is not what this run found: %s", file, command)
		}
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
