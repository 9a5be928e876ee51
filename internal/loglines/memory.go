package loglines

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// minSamples are the readings of memory, each above the one before, that make
// a steady growth.
const minSamples = 4

// memorySample finds a reading of the program's own memory.
// The unit stands behind the number or, in the keys of structured lines, in the
// name.
var memorySample = regexp.MustCompile(`(?i)\b((?:process_|used_)?(?:rss|resident|heap|mem(?:ory)?|alloc(?:ated)?)(?:[ _-]?(?:usage|used|size|inuse|in use|set size|alloc(?:ated)?|rss|memory))?)(?:[ _-]?\(?(bytes|[kmg]i?b)\)?)?"?\s*(?:is|now|at|[:=])?\s*"?(\d{1,15}(?:\.\d{1,3})?)\s*([kmg]i?b?|bytes?|b)?\b`)

// parseMemory reads what a line says of the program's memory: under which name,
// and how much in bytes.
func parseMemory(line string) (name string, bytes float64, ok bool) {
	m := memorySample.FindStringSubmatch(line)
	if m == nil {
		return "", 0, false
	}
	n, err := strconv.ParseFloat(m[3], 64)
	if err != nil {
		return "", 0, false
	}
	switch strings.ToLower(cmp.Or(m[4], m[2], " "))[0] {
	case 'k':
		n *= 1 << 10
	case 'm':
		n *= 1 << 20
	case 'g':
		n *= 1 << 30
	}
	return strings.ToLower(m[1]), n, true
}

// Growth is a steady rise of one reading in a log.
type Growth struct {
	From, To redact.Text // the first and the last line
	samples  int
}

// Growing finds the reading that rises from line to line until the log ends. A
// single fall is a collection of garbage, and no steady growth.
func Growing(lines []redact.Text) (Growth, bool) {
	type series struct {
		Growth
		first, last float64
	}
	found := map[string]*series{}
	order := []string{}
	for _, line := range lines {
		name, n, ok := parseMemory(line.String())
		if !ok {
			continue
		}
		s := found[name]
		switch {
		case s == nil:
			found[name] = &series{Growth{line, line, 1}, n, n}
			order = append(order, name)
		case n > s.last:
			s.last, s.To, s.samples = n, line, s.samples+1
		default:
			s.samples = -len(lines) // it never counts again
		}
	}
	for _, name := range order {
		if s := found[name]; s.samples >= minSamples && s.last >= 1.25*s.first {
			return s.Growth, true
		}
	}
	return Growth{}, false
}
