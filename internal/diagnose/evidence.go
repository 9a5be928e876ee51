package diagnose

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The bounds of what one look hands on.
const (
	maxEvidence     = 24
	maxEvidenceText = 2000 // runes
)

// collector gives out the ids that claims cite.
type collector struct{ list []incident.Evidence }

// add records what was seen and returns its id; the same thing twice has one
// id. What comes after the bound is not recorded and has no id.
func (c *collector) add(kind string, source action.Ref, where, what redact.Text, at time.Time) string {
	what = what.Truncate(maxEvidenceText)
	for _, e := range c.list {
		if e.Kind == kind && e.Source == source && e.Where == where && e.Text == what {
			return e.ID
		}
	}
	if len(c.list) >= maxEvidence {
		return ""
	}
	id := fmt.Sprintf("e%d", len(c.list)+1)
	c.list = append(c.list, incident.Evidence{ID: id, Kind: kind, Source: source, Where: where, Text: what, At: at})
	return id
}

// says reports whether some evidence holds these words already.
func (c *collector) says(what redact.Text) bool {
	return slices.ContainsFunc(c.list, func(e incident.Evidence) bool {
		return strings.Contains(e.Text.String(), strings.TrimSpace(what.String()))
	})
}

// text makes a Text of a string from a typed object, by the way that redacts.
func text(s string) redact.Text {
	var t redact.Text
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return redact.Text{}
	}
	return t
}

func refText(r action.Ref) redact.Text { return text(r.String()) }

const digestDomain = "countersign/evidence/v1\n"

var (
	restarts  = regexp.MustCompile(`, restarted (?:once|\d+ times)`)
	timestamp = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*`)
	duration  = regexp.MustCompile(`\b\d+(\.\d+)?(ns|µs|us|ms|s|m|h)\b`)
	// A placeholder's digits are a pseudonym: they differ between incidents, not
	// within one, so that they may stay.
	numbered = regexp.MustCompile(`\b[0-9a-f]*\d[0-9a-f]*\b|\d+`)
)

// EvidenceDigest is a hash of what the evidence says. Restart counts, times and
// pod names do not move it, nor does the order in which things were seen, nor
// log lines that look like no trouble: a look may land early in a run.
func EvidenceDigest(evidence []incident.Evidence) action.Hash {
	lines := make([]string, 0, len(evidence))
	for _, e := range evidence {
		if line := digestLine(e); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	sum := sha256.Sum256([]byte(digestDomain + strings.Join(lines, "\n")))
	return action.Hash(hex.EncodeToString(sum[:]))
}

func digestLine(e incident.Evidence) string {
	if e.Kind == "metric" {
		return "" // it moves with every look, and is missing at some
	}
	source, said := e.Source.Name, e.Text.String()
	if e.Source.Kind == "Pod" {
		said = strings.ReplaceAll(said, source, "")
		source = ""
	}
	said = duration.ReplaceAllString(timestamp.ReplaceAllString(restarts.ReplaceAllString(said, ""), "#"), "#")
	if e.Kind == "event" || e.Kind == "log" {
		if said = digestText(e.Kind, said); said == "" {
			return ""
		}
	}
	return strings.Join([]string{e.Kind, e.Source.Kind, e.Source.Namespace, source, e.Where.String(), said}, "\x1f")
}

func digestText(kind, said string) string {
	var lines []string
	for line := range strings.SplitSeq(said, "\n") {
		if kind == "event" || loglines.Tells(line) {
			lines = append(lines, strings.TrimSpace(numbered.ReplaceAllString(line, "#")))
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "|")
}
