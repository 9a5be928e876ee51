package loglines

import (
	"regexp"
	"strconv"
	"time"

	"github.com/countersign-dev/countersign/internal/redact"
)

var (
	starts = regexp.MustCompile(`(?i)\b(?:starting|booting|bootstrapping|initiali[sz](?:ing|ed)|loading|warming up|migrating|preloading|compiling|indexing|restoring|replaying)\b`)
	// awaits are words of a program that does not get on: why, only it knows.
	awaits     = regexp.MustCompile(`(?i)\b(?:wait(?:ing|s)?|retry(?:ing)?|blocked|stuck|attempt|timed? ?out)\b`)
	startedIn  = regexp.MustCompile(`\b[Ss]tarted\b[^\n]{0,80}? in (\d{1,6})(?:\.\d{1,9})? ?(?:s|sec|seconds)\b`)
	fewToStart = 3 // lines that a run shows at most for its start
)

// Starting picks the lines that tell of a start that was under way when the
// log ended, or that took longer than allowed; none if anything else happened.
func Starting(lines []redact.Text, allowed time.Duration) []redact.Text {
	var out []redact.Text
	for _, line := range lines {
		raw := line.String()
		if m := startedIn.FindStringSubmatch(raw); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && time.Duration(n)*time.Second > allowed {
				return []redact.Text{line}
			}
			return nil
		}
		said := spoken(raw)
		switch {
		case Tells(raw) || awaits.MatchString(said) || worksOn(raw):
			return nil
		case starts.MatchString(said):
			out = append(out, line)
		}
	}
	return out[max(0, len(out)-fewToStart):]
}
