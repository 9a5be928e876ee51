package diagnose

import (
	"cmp"
	"slices"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Correlate folds findings that one cause explains into one, which lists the
// others' subjects as its victims. Two findings belong together when they name
// the same cause and root (or the same registry), or when one says
// that another's subject is what it waits for. Findings without a proven cause
// stay apart: nothing says that they are one.
func Correlate(found []Finding) []Finding {
	into := make([]int, len(found)) // the finding that each is folded into: itself for most
	first := map[incident.Shared]int{}
	subjects := map[action.Ref]int{}
	for n := range found {
		into[n] = n
		subjects[incident.AnyOf(found[n].Subject)] = n
		key, ok := found[n].Diagnosis.Shared()
		if !ok {
			continue
		}
		if to, seen := first[key]; seen {
			into[n] = to
			continue
		}
		first[key] = n
	}
	for n := range found {
		root, ok := found[n].Diagnosis.Awaits()
		if !ok {
			continue
		}
		// A fold that would close a circle is not made.
		if to, stands := subjects[root]; stands && last(into, to) != n {
			into[n] = to
		}
	}
	return fold(found, into)
}

// last follows a fold to its end.
func last(into []int, n int) int {
	for into[n] != n {
		n = into[n]
	}
	return n
}

func fold(found []Finding, into []int) []Finding {
	for n := range found {
		if to := last(into, n); to != n {
			found[to].Victims = append(found[to].Victims, found[n].Subject)
		}
	}
	var out []Finding
	for n, f := range found {
		if into[n] != n {
			continue
		}
		slices.SortFunc(f.Victims, func(a, b action.Ref) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
		})
		out = append(out, f)
	}
	return out
}
