package calibrate

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

// told are outcomes of one rule on different subjects, by people.
func told(right, wrong int) []Outcome {
	var out []Outcome
	for n := range right + wrong {
		out = append(out, Outcome{Rule: "a.rule", Subject: fmt.Sprint(n), Source: Told, Right: n < right})
	}
	return out
}

func TestTheInstallationsOutcomesReplaceTheShippedTrialsOneByOne(t *testing.T) {
	shipped := Record{Rules: map[string]Trials{"a.rule": {Right: 214, Of: 214}}}
	for _, c := range []struct {
		right, wrong int
		share        float64 // (prior + right) / 30 while the prior stands
		basis        string
	}{
		{0, 0, 1, "rule, 214 of 214 right"},
		{1, 0, 1, "rule, 214 of 214 right in trials, 1 of 1 here"},
		{0, 6, 24.0 / 30, "rule, 214 of 214 right in trials, 0 of 6 here"},
		{5, 15, 15.0 / 30, "rule, 214 of 214 right in trials, 5 of 20 here"},
		{15, 15, 0.5, "rule, 15 of 30 right here"},
		{10, 90, 0.1, "rule, 10 of 100 right here"},
	} {
		got := NewBook(shipped, told(c.right, c.wrong)).Rule("a.rule")
		if math.Abs(got.Value-c.share) > 1e-9 || got.Basis.String() != c.basis || !got.Measured {
			t.Errorf("%d right, %d wrong: %+v, want %.3f %q", c.right, c.wrong, got, c.share, c.basis)
		}
		if of := max(30, float64(c.right+c.wrong)); math.Abs(got.Lower-lower(c.share*of, of)) > 1e-9 || got.Outcomes != int(of) {
			t.Errorf("%d right, %d wrong: %+v does not rest on %.0f outcomes", c.right, c.wrong, got, of)
		}
	}
}

func TestARuleThatNobodyTriedCountsByItsOutcomesHere(t *testing.T) {
	got := NewBook(Record{}, told(8, 0)).Rule("a.rule")
	if got.Outcomes != 8 || math.Abs(got.Lower-Lower(Trials{8, 8})) > 1e-9 || got.Basis.String() != "rule, 8 of 8 right here" {
		t.Errorf("%+v", got)
	}
	if got := NewBook(Record{}, told(8, 0)).Rule("another"); got.Measured || got.Lower != 0 {
		t.Errorf("the outcomes of one rule count for another: %+v", got)
	}
}

func TestWhatIsRightAgainOnOneSubjectProvesLittleAndWhatIsWrongAgainCounts(t *testing.T) {
	again := func(right bool, source Source, times int) (out []Outcome) {
		for range times {
			out = append(out, Outcome{Rule: "a.rule", Subject: "shop Deployment/web", Source: source, Right: right})
		}
		return out
	}
	for _, c := range []struct {
		name      string
		outcomes  []Outcome
		right, of float64
	}{
		{"told right ten times", again(true, Told, 10), 1, 1},
		{"told wrong ten times", again(false, Told, 10), 0, 10},
		{"cured once", again(true, Cured, 1), 0.5, 0.5},
		{"cured ten times", again(true, Cured, 10), 1, 1},
		{"not cured", again(false, Cured, 1), 0, 1},
		{"cured and told right", append(again(true, Cured, 1), again(true, Told, 1)...), 1, 1},
	} {
		got := TallyOf(c.outcomes)
		if got.Right != c.right || got.Of != c.of || got.Told.Of+got.Cured.Of != len(c.outcomes) {
			t.Errorf("%s: %+v, want %.1f of %.1f", c.name, got, c.right, c.of)
		}
	}
}

// guessed are outcomes of a model's best guesses, of so many kinds of faults.
func guessed(kinds, perKind int, model string) []Outcome {
	var out []Outcome
	for kind := range kinds {
		for n := range perKind {
			right := (n+kind)%4 != 0
			f := Features{Coverage: 0.4, Agreement: 0.5, SelfReport: 0.9}
			if right {
				f.Coverage, f.Agreement = 0.9, 0.8
			}
			if n%5 == 0 {
				f.Coverage, f.Agreement = 0.7, 0.6
			}
			out = append(out, Outcome{
				Incident: incident.ID(fmt.Sprintf("%s-%d-%d", model, kind, n)), Subject: fmt.Sprint(kind, n), Model: model,
				Fault: incident.Causes()[kind], Right: right, Source: Told, Features: f,
			})
		}
	}
	return out
}

func explanation() *incident.Explained {
	return &incident.Explained{Model: "m", PromptVersion: "v2", Hypotheses: []incident.Hypothesis{{
		Cause: incident.AppError, Confidence: incident.Confidence{Value: 0.99}, Cites: []string{"e1", "e2"},
		SelfReport: 0.99, Samples: 5, Agreeing: 5,
	}}}
}

func TestAModelsWordNeverCounts75PercentBelow30OutcomesOf8Kinds(t *testing.T) {
	evidence := []incident.Evidence{{ID: "e1"}, {ID: "e2"}}
	for _, c := range []struct {
		name     string
		outcomes []Outcome
		measured bool
		says     string
	}{
		{"none", nil, false, ""},
		{"29 outcomes", guessed(29, 1, "m with prompt v2"), false, "29 outcomes of 29 kinds"},
		{"700 outcomes of 7 kinds", guessed(7, 100, "m with prompt v2"), false, "700 outcomes of 7 kinds"},
		{"another model's", guessed(10, 100, "n with prompt v2"), false, ""},
		{"another prompt's", guessed(10, 100, "m with prompt v1"), false, ""},
		{"32 outcomes of 8 kinds", guessed(8, 4, "m with prompt v2"), true, "calibrated on 32 outcomes of 8 kinds"},
	} {
		e := explanation()
		NewBook(Record{}, c.outcomes).Weigh(incident.Diagnosis{}, evidence, e)
		got := e.Hypotheses[0].Confidence
		if got.Measured != c.measured || !strings.Contains(got.Basis.String(), c.says) {
			t.Errorf("%s: %+v", c.name, got)
		}
		if !c.measured && (got.Lower != 0 || got.Value >= 0.75) {
			t.Errorf("%s: counts %+v", c.name, got)
		}
		if c.measured && !(got.Lower > 0 && got.Lower < got.Value && got.Value < 1) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestTheSecondGuessHasAFigureOfItsOwn(t *testing.T) {
	e := explanation()
	e.Hypotheses = append(e.Hypotheses, e.Hypotheses[0])
	NewBook(Record{}, guessed(10, 10, "m with prompt v2")).Weigh(incident.Diagnosis{}, nil, e)
	if !e.Hypotheses[0].Confidence.Measured || e.Hypotheses[1].Confidence.Measured {
		t.Errorf("the outcomes of best guesses count for others: %+v", e.Hypotheses[1].Confidence)
	}
}
