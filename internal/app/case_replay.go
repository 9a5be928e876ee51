package app

import (
	"fmt"
	"io"
	"os"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Replay is what the rules of this program say of a case, beside what people say.
type Replay struct {
	File    string      `json:"file,omitempty"`
	About   string      `json:"about"`
	Outcome Outcome     `json:"outcome"`
	Said    *Expected   `json:"peopleSay,omitempty"`
	Then    Diagnosed   `json:"rulesSaid"`
	Now     Diagnosed   `json:"rulesSay"`
	Why     redact.Text `json:"why,omitzero"` // of an outcome that cannot be told
}

// Outcome of a replay. The zero value is none.
type Outcome string

// The outcomes.
const (
	Same       Outcome = "same"
	Different  Outcome = "different"
	CannotTell Outcome = "cannot tell"
)

// ReplayFile replays one case file.
func ReplayFile(file string) (Replay, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Replay{}, fmt.Errorf("open the case: %w", err)
	}
	c, err := DecodeCase(raw)
	if err != nil {
		return Replay{}, fmt.Errorf("%s: %w", file, err)
	}
	r := ReplayCase(c)
	r.File = file
	return r, nil
}

// ReplayCase runs the rules on what a case holds, as of the time when it was
// seen, and compares their answer with what people say.
func ReplayCase(c Case) Replay {
	r := Replay{About: fmt.Sprintf("%s %s in namespace %s", c.Incident, c.Subject, c.Subject.Namespace), Said: c.Expected, Then: c.Diagnosis}
	if c.Snapshot.IsEmpty() {
		r.Outcome, r.Why = CannotTell, c.Missing
		return r
	}
	s, err := kube.Read(c.Snapshot)
	if err != nil {
		r.Outcome, r.Why = CannotTell, redact.Name(err.Error())
		return r
	}
	r.Now, err = rulesSay(s, c.Subject)
	if err != nil {
		r.Outcome, r.Why = CannotTell, redact.Name(err.Error())
		return r
	}
	r.Outcome, r.Why = compare(r.Now, c.Expected)
	return r
}

// rulesSay runs the rules. A case is a file that people edit: what it lacks must
// not end a replay of many.
func rulesSay(s *kube.Snapshot, subject action.Ref) (d Diagnosed, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the rules cannot read this snapshot: %v", p)
		}
	}()
	f := diagnose.Diagnose(s, subject, diagnose.Options{Now: s.Taken})
	if f.Missing {
		return Diagnosed{}, fmt.Errorf("the snapshot does not hold %s", subject)
	}
	if f.Healthy {
		return Diagnosed{Summary: f.Diagnosis.Summary}, nil
	}
	return Diagnosed{Cause: f.Diagnosis.Cause, Root: f.Diagnosis.Root, Rule: f.Diagnosis.Rule, Summary: f.Diagnosis.Summary}, nil
}

// compare holds what the rules say against what people say.
func compare(now Diagnosed, e *Expected) (Outcome, redact.Text) {
	switch {
	case e == nil:
		return CannotTell, redact.Literal("nobody has said what it was")
	case e.Disputed:
		return CannotTell, redact.Literal("as many people say one thing as another")
	case e.Cause == "" && e.Not != nil && is(now, e.Not.Cause, e.Not.Root):
		return Different, redact.Text{}
	case e.Cause == "":
		return CannotTell, redact.Literal("people say only what it was not, and the rules no longer say that")
	case is(now, e.Cause, e.Root):
		return Same, redact.Text{}
	}
	return Different, redact.Text{}
}

func is(d Diagnosed, cause incident.Cause, root action.Ref) bool {
	return d.Cause == cause && (root.Name == "" || d.Root.Same(root))
}

// PrintReplayed writes a line for each case and, where the rules say something
// else than people, both.
func PrintReplayed(all []Replay, w io.Writer) error {
	counts := map[Outcome]int{}
	for _, r := range all {
		counts[r.Outcome]++
		fmt.Fprintf(w, "%-11s  %s\n", r.Outcome, r.About)
		if r.File != "" {
			fmt.Fprintf(w, "  case            %s\n", r.File)
		}
		if !r.Why.IsEmpty() {
			fmt.Fprintf(w, "  why             %s\n", r.Why)
		}
		if r.Said != nil && r.Outcome != Same {
			fmt.Fprintf(w, "  people say      %s\n", saidBy(*r.Said))
		}
		fmt.Fprintf(w, "  the rules say   %s\n", inWords(r.Now))
		if r.Now.Cause != r.Then.Cause || !r.Now.Root.Same(r.Then.Root) {
			fmt.Fprintf(w, "  they said then  %s\n", inWords(r.Then))
		}
	}
	_, err := fmt.Fprintf(w, "%d cases: %d same, %d different, %d that cannot be told\n", len(all), counts[Same], counts[Different], counts[CannotTell])
	return err
}

func inWords(d Diagnosed) string {
	if d.Cause == "" {
		return "nothing is wrong"
	}
	words := fmt.Sprintf("%s, %s", d.Cause, d.Root)
	if d.Rule != "" {
		words += ", by rule " + d.Rule
	}
	return words
}

func saidBy(e Expected) string {
	words := ""
	switch {
	case e.Cause == "" && e.Not != nil:
		words = fmt.Sprintf("it was not %s, %s", e.Not.Cause, e.Not.Root)
	case e.Root.Name == "":
		words = string(e.Cause)
	default:
		words = fmt.Sprintf("%s, %s", e.Cause, e.Root)
	}
	return fmt.Sprintf("%s (%d of %d)", words, e.Said, e.Of)
}
