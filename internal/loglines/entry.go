package loglines

import (
	"regexp"

	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	// stamped begins an entry of a log whose entries carry the time.
	stamped = regexp.MustCompile(`^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d`)
	// exceptionLine is how loggers write the exception of an entry, below it.
	exceptionLine = regexp.MustCompile(`^(?:[\w$]+\.)*\w*(?:Exception|Error)(?:: |$)`)
)

// leastRounds is how often an exception must have come with one reason.
const leastRounds = 2

// wrapped are the lines of a program that still runs which hold an exception
// that merely wraps the reason of its entry: each time that it comes it stands,
// without a time of its own, below a line with the time that gives that reason.
// It must come again and again: one that ends a thread may stand there by chance.
func wrapped(lines []redact.Text, running bool) map[int]bool {
	if !running {
		return nil
	}
	found, rounds := map[string][]int{}, map[string]int{}
	reasons := map[string]Reason{}
	for n := range lines {
		raw := lines[n].String()
		if !exceptionLine.MatchString(raw) || TroubleOf(raw) != "" {
			continue
		}
		found[raw] = append(found[raw], n)
		r, cut := entryReason(lines, n)
		if cut {
			continue
		}
		if before, known := reasons[raw]; known && r != before {
			r = Reason{} // it comes otherwise, too
		}
		reasons[raw] = r
		rounds[raw]++
	}
	out := map[int]bool{}
	for raw, at := range found {
		if reasons[raw] == (Reason{}) || rounds[raw] < leastRounds {
			continue
		}
		for _, n := range at {
			out[n] = true
		}
	}
	return out
}

// entryReason reads the reason in the first line of the entry that line n
// belongs to; it is empty if there is none. cut means that the entry began
// before the lines did.
func entryReason(lines []redact.Text, n int) (r Reason, cut bool) {
	if _, own := readReason(lines[n].String()); own {
		return Reason{}, false
	}
	for n--; n >= 0; n-- {
		raw := lines[n].String()
		switch {
		case stamped.MatchString(raw):
			if !isMild(raw) {
				r, _ = readReason(raw)
			}
			return r, false
		case !continues(raw):
			return Reason{}, false
		}
	}
	return Reason{}, true
}
