package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// IncidentShow writes what is known of one incident, for people.
func IncidentShow(ctx context.Context, s Settings, id string, w io.Writer) error {
	var cleanup stack
	defer cleanup.unwind()
	st, err := readStore(ctx, s, &cleanup)
	if err != nil {
		return err
	}
	i, records, err := readIncident(ctx, st, s, id)
	if err != nil {
		return err
	}
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	object, cause := listed(i)
	line("incident", "%s, %d records", i.ID, len(records))
	line("object", "%s, namespace %s", object, i.Subject.Namespace)
	line("opened", "%s", i.OpenedAt.Format(time.RFC3339))
	if i.Closed != "" {
		line("closed", "%s (%s)", i.ClosedAt.Format(time.RFC3339), i.Closed)
	}
	line("cause", "%s", cause)
	if d := i.Diagnosis; d != nil {
		line("root", "%s", d.Root)
		line("rule", "%s", d.Rule)
		line("why", "%s", d.Summary)
	}
	for _, a := range i.Attempts {
		line("attempt", "%d: %s", a.N, attemptWords(a))
	}
	for _, v := range i.Verdicts {
		line("verdict", "%s: %s", v.By.Name, verdictWords(v))
	}
	for _, k := range i.Kept {
		line("kept", "record %d, what the rules saw when they said %s", k.Version, k.Of.Cause)
	}
	for _, e := range i.Evidence {
		line("evidence", "%s %s %s: %s", e.ID, e.Kind, e.Source, e.Text.Truncate(300))
	}
	return nil
}

func attemptWords(a incident.Attempt) string {
	kind := a.Rehearsal.Candidate.Action.Kind
	switch {
	case a.Concluded != nil:
		return fmt.Sprintf("%s, %s", kind, a.Concluded.Result)
	case a.Executed != nil:
		return fmt.Sprintf("%s, %s", kind, a.Executed.Report.State)
	case a.Lapsed != "":
		return fmt.Sprintf("%s, lapsed: %s", kind, a.Lapsed)
	case len(a.Reasons) > 0:
		return fmt.Sprintf("nothing offered: %s", a.Reasons[0])
	}
	return fmt.Sprintf("%s, under way", kind)
}

func verdictWords(v incident.Verdict) string {
	words := "wrong"
	switch {
	case v.Right:
		words = "right"
	case v.Cause != "":
		words = fmt.Sprintf("it was %s, %s", v.Cause, v.Root)
	}
	if !v.Words.IsEmpty() {
		words = fmt.Sprintf("%s: %s", words, v.Words)
	}
	return words
}
