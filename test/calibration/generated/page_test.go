package generated

import (
	"fmt"
	"strings"

	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/incident"
)

const (
	command  = "go test ./test/calibration/generated -run TestCalibrationOnGeneratedIncidents -update"
	pageFile = "../../../docs/calibration.md"
	plotFile = "../../../docs/images/reliability.svg"
)

// table is the figures, as a table of Markdown.
func (r result) table() string {
	var b strings.Builder
	n := r.calibrated.N
	fmt.Fprintf(&b, "| | as the model says | calibrated |\n|---|---|---|\n")
	row := func(name string, of func(calibrate.Scores) float64) {
		fmt.Fprintf(&b, "| %s | %.3f | %.3f |\n", name, of(r.self), of(r.calibrated))
	}
	row("debiased ECE (mean distance)", func(s calibrate.Scores) float64 { return s.ECE })
	row("the same, not debiased", func(s calibrate.Scores) float64 { return s.PlainECE })
	row("debiased RMS distance", func(s calibrate.Scores) float64 { return s.RMS })
	row("Brier score", func(s calibrate.Scores) float64 { return s.Brier })
	row("… reliability (less is better)", func(s calibrate.Scores) float64 { return s.Reliability })
	row("… resolution (more is better)", func(s calibrate.Scores) float64 { return s.Resolution })
	row("… uncertainty of the cases", func(s calibrate.Scores) float64 { return s.Uncertainty })
	row("… hidden within bins", func(s calibrate.Scores) float64 { return s.Within })
	fmt.Fprintf(&b, "\n%d incidents of %d kinds of faults, %d answers to each. One answer was set to be right in %.1f %% of all; the best guess of %d was right in %.1f %%.\n",
		n, len(faults), samples, 100*r.set, samples, 100*float64(r.right)/float64(n))
	fmt.Fprintf(&b, "At or above the floor of %.0f %% by the lower bound: %d, of which %d (%.1f %%) were right.\n",
		100*floor, r.bold, r.boldRight, 100*float64(r.boldRight)/float64(max(1, r.bold)))
	return b.String()
}

func (r result) plot() []byte {
	return calibrate.Plot("Reliability on generated incidents", "a stand-in for a model: this shows the method, not any model",
		calibrate.Series{Name: "as it says", Scores: r.self}, calibrate.Series{Name: "calibrated, on held-out kinds", Scores: r.calibrated})
}

// page is docs/calibration.md.
func (r result) page() []byte {
	return []byte(fmt.Sprintf(text, command, r.table(), incident.EnoughOutcomes))
}

const text = `# Confidence that is earned

Written by ` + "`%[1]s`" + `; do not edit.

Every cause that Countersign names has a confidence: a number with its lower 90 %% bound, how many outcomes back it and
what it rests on. In JSON (` + "`-o json`" + `, events) it is always a number, with ` + "`measured`" + ` beside it: false means that nothing
backs it. On a card it is a percentage from %[3]d outcomes on, and words below. The gate compares the *bound* with the floor
(` + "`CONFIDENCE_FLOOR`" + `, 75 %%): below it, and where nothing was measured, nothing is offered and a person has to decide.

## Rules

A rule starts from trials of the shipped suite (` + "`test/calibration`" + `, on a real cluster, by exact cause and root object) and goes
on with what becomes of its claims here, read from the closed incidents of the store every minute:

| outcome | weighs |
|---|---|
| a person says right, wrong, or what it was instead | 1; outranks everything else in its incident. Of each person the last word counts; where people disagree the claim was wrong |
| an approved change was made and the finding went away | 0.5 |
| an approved change was made and the finding stayed, or it got worse | 1, as wrong |
| the change hides the cause only, was edited by a person, was lost, or was taken back | 0 |

- Changes are chosen outcomes: only sure causes are offered, only offers that people believe in are approved, and some
  faults heal whatever is done. That is why a success weighs half and a failure does not. It leans to the safe side; it does not
  remove the selection. Causes that were never offered are judged by people only.
- What was right on one workload weighs 1 in all, however often; what was wrong weighs each time.
- The shipped trials weigh 30 at most, and each weighed outcome of yours takes the place of one. After 30 only yours count.
- The bound is Wilson's. Whoever may write into the store, or say what an incident was, moves these figures: they decide
  what is offered, never what is approved.

## Models

What a model says of itself is one feature among four. The others: how much of the evidence it cites with quotes that hold up, how many
answers to the same question name the same cause first (` + "`AI_SAMPLES`" + `), whether it goes with what the rules found. A logistic
regression with a quadratic penalty makes a probability of them; its penalty is the one that does best on kinds of faults that
were left out of the fit. The bound takes outcomes of one kind of fault together (a cluster-robust covariance, with Student's
quantile), because answers about one kind are right or wrong together. Best guesses and further guesses are fitted apart.

Only people's verdicts teach. Figures are kept apart by model and prompt version. Below %[3]d outcomes of 8 kinds of faults a model's word
is no measurement: it is never shown as a percentage, counts less than 75 %% as a number and 0 as a bound, and nothing is offered for it.

A model's cause is an opinion on the card in any case: fixes are offered for what rules have proven.

## What was measured, and what was not

**No real model was measured: there was none to ask.** The figures below are of generated incidents: the true cause is drawn, and a
stand-in, which is over-confident by choice (it says about 85 %% whatever it knows), answers over the wire through the product's own
client, checks, events and verdicts. Each kind of fault has its own difficulty. Each quarter of the kinds is weighed by what was
learned from the other three. They show that the arithmetic and its way through the product are sound. How good a real model
is, and how far its figures carry from one installation to the next, they do not show. They are in no binary: the record that is
shipped holds rules only.

%[2]s
Chance has a part in it: with the seeds 7 and 99 in place of the one in the source, debiased ECE was 0.016 and 0.033, and the Brier
score 0.110 and 0.100 against 0.270 and 0.304.

The debiased figures take off what few outcomes in a bin add by chance (Kumar, Liang and Ma 2019; the mean distance with the mean
of the folded normal, the RMS distance as in their definition 5.1), and end at 0. The Brier score is reliability - resolution + uncertainty + what
bins hide.

![Reliability: calibrated figures lie on the diagonal, the stand-in's own word far below it](images/reliability.svg)

## Your own figures

    countersign calibrate report                   # from the store
    countersign calibrate report export.jsonl      # from countersign audit export
    countersign calibrate report -o json --svg reliability.svg

It prints each rule with its trials, its outcomes here and its bound; each model with debiased ECE and Brier score of its own word
and of the calibration, always on kinds of faults that the fit did not see; and how often the figures that stood on cards came true.
`
