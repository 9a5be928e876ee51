package calibration

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
)

// answer is a cause and the object that has to change; root is empty for a
// healthy workload.
type answer struct {
	cause incident.Cause
	root  string
}

func (a answer) String() string { return strings.TrimSpace(string(a.cause) + " " + a.root) }

// outcome is what one look at a trial said.
type outcome struct {
	trial   string // BATCH/NAME
	want    answer
	got     answer
	rule    string // that spoke; empty if none did
	summary string
	looks   int    // how many rounds of looks there were
	unread  string // what the last look could not read
}

// score compares a finding with what the trial is known to be.
func score(batch string, tr trial, f diagnose.Finding) outcome {
	o := outcome{trial: batch + "/" + tr.Name, want: tr.wants(), summary: f.Diagnosis.Summary.String()}
	switch {
	case f.Healthy:
		o.got = answer{cause: healthy}
	case f.Missing:
		o.got = answer{cause: "missing"}
	default:
		o.got = answer{cause: f.Diagnosis.Cause, root: f.Diagnosis.Root.String()}
		o.rule = f.Diagnosis.Rule
	}
	return o
}

func (o outcome) right() bool { return o.got == o.want }

// tally counts a miss against the rule that spoke, whatever was wanted. Where no
// rule spoke there is none to count.
func tally(outcomes []outcome) map[string]calibrate.Trials {
	rules := map[string]calibrate.Trials{}
	for _, o := range outcomes {
		if o.rule == "" {
			continue
		}
		t := rules[o.rule]
		t.Of++
		if o.right() {
			t.Right++
		}
		rules[o.rule] = t
	}
	return rules
}

// table tells, by wanted cause, what was answered, then the rules, then misses.
func table(outcomes []outcome) string {
	var b strings.Builder
	wanted := map[incident.Cause][]outcome{}
	for _, o := range outcomes {
		wanted[o.want.cause] = append(wanted[o.want.cause], o)
	}
	fmt.Fprintf(&b, "%-28s %5s %4s  %s\n", "wanted", "right", "of", "answered instead")
	for _, cause := range slices.Sorted(maps.Keys(wanted)) {
		right, instead := 0, map[string]int{}
		for _, o := range wanted[cause] {
			switch {
			case o.right():
				right++
			case o.got.cause == cause:
				instead[string(cause)+" of another root"]++
			default:
				instead[string(o.got.cause)]++
			}
		}
		fmt.Fprintf(&b, "%-28s %5d %4d  %s\n", cause, right, len(wanted[cause]), counts(instead))
	}
	rules := tally(outcomes)
	fmt.Fprintf(&b, "\n%-28s %5s %4s  %s\n", "rule", "right", "of", "lower 90 % bound")
	for _, id := range slices.Sorted(maps.Keys(rules)) {
		t := rules[id]
		fmt.Fprintf(&b, "%-28s %5d %4d  %.3f\n", id, t.Right, t.Of, calibrate.Lower(t))
	}
	misses := slices.DeleteFunc(slices.Clone(outcomes), outcome.right)
	slices.SortFunc(misses, func(a, b outcome) int { return cmp.Compare(a.trial, b.trial) })
	fmt.Fprintf(&b, "\n%d trials, %d misses\n", len(outcomes), len(misses))
	for _, o := range misses {
		fmt.Fprintf(&b, "  %s: wanted %s, got %s by %s after %d rounds: %s\n", o.trial, o.want, o.got, cmp.Or(o.rule, "no rule"), o.looks, o.summary)
		if o.unread != "" {
			fmt.Fprintf(&b, "    not read: %s\n", o.unread)
		}
	}
	return b.String()
}

func counts(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}
