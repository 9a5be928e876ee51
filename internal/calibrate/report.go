package calibrate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Report is what is known about how sure claims may be, and how well what was
// said came true.
type Report struct {
	Incidents int         `json:"incidents"` // closed ones of which an outcome is known
	Rules     []RuleLine  `json:"rules"`
	Models    []ModelLine `json:"models"`
	// Shown scores the figures that stood on cards as percentages or words when
	// nobody knew the outcome yet.
	Shown Scores `json:"shown"`
}

// RuleLine is one rule.
type RuleLine struct {
	Rule       string              `json:"rule"`
	Trials     Trials              `json:"trials"` // of the shipped suite
	Here       Tally               `json:"here"`
	Confidence incident.Confidence `json:"confidence"`
}

// ModelLine is one model with one prompt. SelfReport and Calibrated score its best
// guesses; Calibrated is nil while there are too few outcomes, and each of its
// figures is by a fit that never saw that kind of fault.
type ModelLine struct {
	Model      redact.Text `json:"model"`
	Outcomes   int         `json:"outcomes"`
	Faults     int         `json:"faults"`
	SelfReport Scores      `json:"selfReport"`
	Calibrated *Scores     `json:"calibrated"`
}

// Report sums the book up. outcomes are those that it was made of.
func (b *Book) Report(outcomes []Outcome) Report {
	out := Report{Rules: []RuleLine{}, Models: []ModelLine{}}
	known := map[incident.ID]bool{}
	var shown []Pair
	for _, o := range outcomes {
		known[o.Incident] = true
		if o.Shown.Measured && o.Rank == 0 {
			shown = append(shown, Pair{o.Shown.Value, o.Right})
		}
	}
	out.Incidents, out.Shown = len(known), Score(shown)
	for _, rule := range b.Rules() {
		out.Rules = append(out.Rules, RuleLine{rule, b.shipped.Rules[rule], b.rules[rule], b.Rule(rule)})
	}
	for _, key := range slices.Sorted(maps.Keys(b.models)) {
		out.Models = append(out.Models, b.models[key].line(key))
	}
	return out
}

func (m *modelRecord) line(key string) ModelLine {
	out := ModelLine{Model: redact.Name(key), Outcomes: len(m.best.outcomes), Faults: m.best.faults}
	var self, calibrated []Pair
	for n, o := range m.best.outcomes {
		self = append(self, Pair{o.Features.SelfReport, o.Right})
		if m.best.fitted != nil {
			calibrated = append(calibrated, Pair{sigmoid(m.best.fitted.heldOut[n]), o.Right})
		}
	}
	out.SelfReport = Score(self)
	if m.best.fitted != nil {
		s := Score(calibrated)
		out.Calibrated = &s
	}
	return out
}

// Series are the two series of a model's plot; there is none for a model with too
// few outcomes.
func (l ModelLine) Series() []Series {
	if l.Calibrated == nil {
		return nil
	}
	return []Series{{"as the model says", l.SelfReport}, {"calibrated on other kinds of faults", *l.Calibrated}}
}

// Text writes the report for a terminal.
func (r Report) Text(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(out, "RULE\tTRIALS\tTOLD HERE\tCURED HERE\tCONFIDENCE\tAT LEAST")
	for _, l := range r.Rules {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%.0f %%\t%.0f %%\n", redact.Name(l.Rule), share(l.Trials), share(l.Here.Told), share(l.Here.Cured),
			100*l.Confidence.Value, 100*l.Confidence.Lower)
	}
	fmt.Fprintln(out, "\nMODEL\tOUTCOMES\tKINDS OF FAULTS\tAS\tDEBIASED ECE\tBRIER")
	for _, l := range r.Models {
		fmt.Fprintf(out, "%s\t%d\t%d\tit says\t%.3f\t%.3f\n", l.Model, l.Outcomes, l.Faults, l.SelfReport.ECE, l.SelfReport.Brier)
		if l.Calibrated == nil {
			fmt.Fprintf(out, "\t\t\tnot calibrated: needs %d outcomes of %d kinds\t\t\n", incident.EnoughOutcomes, leastFaults)
			continue
		}
		fmt.Fprintf(out, "\t\t\tcalibrated, on other kinds\t%.3f\t%.3f\n", l.Calibrated.ECE, l.Calibrated.Brier)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d closed incidents with a known outcome. Figures that were shown: %d, debiased ECE %.3f, Brier %.3f\n",
		r.Incidents, r.Shown.N, r.Shown.ECE, r.Shown.Brier)
	return err
}
