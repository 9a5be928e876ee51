package incidents

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Record is what the last recorded runs measured, for people in accuracy.md and
// for the next run in record.json.
type Record struct {
	Named   *Measured `json:"named,omitempty"`
	Neutral *Measured `json:"neutral,omitempty"` // the same with names that say nothing
	// The second set, which nobody looked at while rules were written: its first
	// run, which no later one replaces, and the last one since.
	FreshFirst *Measured `json:"freshFirst,omitempty"`
	Fresh      *Measured `json:"fresh,omitempty"`
}

// Measured is one run.
type Measured struct {
	By         string  `json:"by"` // the command
	On         string  `json:"on"` // the day
	Machine    string  `json:"machine"`
	Kubernetes string  `json:"kubernetes"`
	Version    string  `json:"version"` // of the program
	Figures    Figures `json:"figures"`
	Missed     []Miss  `json:"missed"`
	Confusion  string  `json:"confusion"`
}

// Miss is a scenario that is not OK, in words.
type Miss struct {
	Scenario string   `json:"scenario"`
	Problems []string `json:"problems"`
	Got      string   `json:"got"`
}

func misses(all []Outcome) []Miss {
	out := []Miss{}
	for _, o := range sorted(all) {
		if !o.OK() {
			out = append(out, Miss{Scenario: o.Scenario, Problems: o.Problems, Got: o.got()})
		}
	}
	return out
}

// ReadRecord is empty where nothing was recorded yet.
func ReadRecord(path string) (Record, error) {
	var r Record
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read the record: %w", err)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fmt.Errorf("read the record: %w", err)
	}
	return r, nil
}

// Write writes both forms.
func (r Record) Write(record, accuracy string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	if err := os.WriteFile(record, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	if err := os.WriteFile(accuracy, []byte(r.page()), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

const preface = `# How often the diagnosis is right

Written by the commands below; do not edit. Faults whose true cause is known are played on a real cluster, and
` + "`countersign scan`" + ` is asked. An answer counts as right only with the exact cause code and the exact root object.
How it is scored, and what is simulated: [test/incidents](../test/incidents/README.md).

Read the figures with care: the scenarios were written without looking at the rules, but the rules are mended after
misses on them, so that later figures flatter. A fault nobody thought of is in none of them.
`

func (r Record) page() string {
	var b strings.Builder
	b.WriteString(preface)
	r.Named.section(&b, "As written")
	r.Neutral.section(&b, "With names that say nothing")
	r.FreshFirst.section(&b, "Fresh set, first look")
	r.Fresh.section(&b, "Fresh set, after rules were mended on it")
	if r.Named != nil && r.Neutral != nil {
		fmt.Fprintf(&b, "\nNames that say nothing change top-1 by %+.1f points.\n", r.Neutral.Figures.top1()-r.Named.Figures.top1())
	}
	return b.String()
}

func (m *Measured) section(b *strings.Builder, title string) {
	if m == nil {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n`%s`, %s, %s, Kubernetes %s, countersign %s, %d s.\n\n| | |\n|---|---|\n", title, m.By, m.On, m.Machine, m.Kubernetes, m.Version, m.Figures.SecondsPerRun)
	for _, row := range m.Figures.rows() {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], row[1])
	}
	fmt.Fprintf(b, "\n### Misses: %d\n\n", len(m.Missed))
	for _, miss := range m.Missed {
		fmt.Fprintf(b, "- `%s`: %s. Got: %s\n", miss.Scenario, strings.Join(miss.Problems, "; "), miss.Got)
	}
	fmt.Fprintf(b, "\n### By cause\n\n```\n%s```\n", m.Confusion)
}
