package incidents

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Figures are the summary of a run.
type Figures struct {
	Faults        int      `json:"faults"`   // in all scenarios, played or not
	Top1          int      `json:"top1"`     // named exactly
	Top3          int      `json:"top3"`     // named exactly among three
	Findings      int      `json:"findings"` // where something is wrong
	Scenarios     int      `json:"scenarios"`
	OK            int      `json:"ok"` // scenarios without any problem
	Healthy       int      `json:"healthy"`
	False         int      `json:"false"`   // announcements where nothing is wrong
	Harmful       int      `json:"harmful"` // fixes offered that must not be
	Fixable       int      `json:"fixable"` // scenarios for which the catalogue has a right fix
	Fixed         int      `json:"fixed"`   // and in which it was offered
	NotPlayed     []string `json:"notPlayed"`
	Misses        []string `json:"misses"` // names of scenarios that are not OK
	SecondsPerRun int      `json:"seconds"`
}

func summarize(outcomes []Outcome, took time.Duration) Figures {
	f := Figures{NotPlayed: []string{}, Misses: []string{}, SecondsPerRun: int(took.Seconds())}
	for _, o := range outcomes {
		f.Scenarios++
		f.Faults += len(o.Faults)
		f.Top1 += o.Top1
		f.Top3 += o.Top3
		f.False += o.False
		f.Harmful += o.Harmful
		if o.Fixable {
			f.Fixable++
		}
		if o.Fixed {
			f.Fixed++
		}
		if o.Healthy {
			f.Healthy++
		} else {
			f.Findings += len(o.Got)
		}
		if o.OK() {
			f.OK++
		} else {
			f.Misses = append(f.Misses, o.Scenario)
		}
		if !o.Played {
			f.NotPlayed = append(f.NotPlayed, o.Scenario)
		}
	}
	slices.Sort(f.Misses)
	slices.Sort(f.NotPlayed)
	return f
}

func (f Figures) top1() float64     { return percent(f.Top1, f.Faults) }
func (f Figures) perFault() float64 { return float64(f.Findings) / float64(max(f.Faults, 1)) }
func percent(part, of int) float64  { return 100 * float64(part) / float64(max(of, 1)) }
func share(part, of int) string {
	return fmt.Sprintf("%d of %d (%.1f %%)", part, of, percent(part, of))
}
func sorted(all []Outcome) []Outcome {
	return slices.SortedFunc(slices.Values(all), func(a, b Outcome) int { return cmp.Compare(a.Scenario, b.Scenario) })
}

// rows are the figures as people read them.
func (f Figures) rows() [][2]string {
	return [][2]string{
		{"top-1: cause and root object exact", share(f.Top1, f.Faults)},
		{"top-3: among the first three hypotheses", share(f.Top3, f.Faults)},
		{"findings for each fault (1.00 is right)", fmt.Sprintf("%.2f", f.perFault())},
		{"false announcements on healthy scenarios", fmt.Sprintf("%d on %d", f.False, f.Healthy)},
		{"fixes offered that would do harm (0 is right)", fmt.Sprint(f.Harmful)},
		{"the right fix offered where there is one", share(f.Fixed, f.Fixable)},
		{"scenarios without any problem", share(f.OK, f.Scenarios)},
		{"scenarios that could not be played (counted as misses)", fmt.Sprint(len(f.NotPlayed))},
	}
}

// table tells each scenario, the confusion, and the figures.
func table(all []Outcome, f Figures) string {
	var b strings.Builder
	for _, o := range sorted(all) {
		verdict := "OK"
		if !o.OK() {
			verdict = "MISS"
		}
		fmt.Fprintf(&b, "%-4s %-30s %4ds  %s\n", verdict, o.Scenario, int(o.Took.Seconds()), o.got())
		for _, p := range o.Problems {
			fmt.Fprintf(&b, "       - %s\n", p)
		}
		if !o.OK() {
			for _, g := range o.Got[:min(len(o.Got), 5)] {
				fmt.Fprintf(&b, "         says: %s\n", g.Summary)
			}
		}
	}
	b.WriteString("\n" + confusion(all) + "\n")
	for _, r := range f.rows() {
		fmt.Fprintf(&b, "%-56s %s\n", r[0], r[1])
	}
	return b.String()
}

// got is the last answer in one line; what was said of many is said once.
func (o Outcome) got() string {
	times := map[string]int{}
	var parts []string
	for _, f := range o.Got {
		one := f.answer().String()
		if f.Rule != "" {
			one += " by " + f.Rule
		}
		if len(f.Victims) > 0 {
			one += fmt.Sprintf(" (and %d victims)", len(f.Victims))
		}
		if f.Settling {
			one += " …"
		}
		if times[one]++; times[one] == 1 {
			parts = append(parts, one)
		}
	}
	for i, one := range parts {
		if times[one] > 1 {
			parts[i] = fmt.Sprintf("%d × %s", times[one], one)
		}
	}
	line := cmp.Or(strings.Join(parts, "; "), "nothing")
	if o.Copies > 0 {
		line += fmt.Sprintf(" [%d copies]", o.Copies)
	}
	return line
}

// confusion counts, by wanted cause, what was answered.
func confusion(all []Outcome) string {
	right, of := map[string]int{}, map[string]int{}
	instead := map[string]map[string]int{}
	count := func(wanted, got string) {
		if instead[wanted] == nil {
			instead[wanted] = map[string]int{}
		}
		instead[wanted][got]++
	}
	for _, o := range all {
		left := slices.Clone(o.Got[:min(len(o.Got), len(o.Faults))]) // as scoreFaults does
		extra := o.Got[len(left):]
		var unmatched []Fault
		for _, fault := range o.Faults {
			wanted := string(fault.Cause)
			of[wanted]++
			at := slices.IndexFunc(left, func(f Finding) bool { return fault.Accepts(f.answer()) })
			if at < 0 {
				unmatched = append(unmatched, fault)
				continue
			}
			right[wanted]++
			left = slices.Delete(left, at, at+1)
		}
		for i, fault := range unmatched {
			got := "nothing"
			if i < len(left) {
				got = string(left[i].Cause)
				if left[i].Cause == fault.Cause {
					got += " of another root"
				}
			}
			count(string(fault.Cause), got)
		}
		wanted := "healthy"
		if !o.Healthy {
			wanted = string(o.Faults[0].Cause)
		} else {
			of[wanted]++
			if o.OK() {
				right[wanted]++
			}
		}
		for _, f := range extra {
			count(wanted, "also "+string(f.Cause))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-30s %5s %4s  %s\n", "wanted", "right", "of", "answered instead")
	for _, wanted := range slices.Sorted(maps.Keys(of)) {
		fmt.Fprintf(&b, "%-30s %5d %4d  %s\n", wanted, right[wanted], of[wanted], counts(instead[wanted]))
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
