package llm

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The bounds of what is taken over from an answer; lengths in runes.
const (
	maxCites   = 5
	maxSteps   = 5
	maxSummary = 400
	maxStep    = 240
	maxNovel   = 80
	minQuote   = 6
)

// judge takes over from an answer what holds up against the case. It is
// deterministic, trusts no schema, and never makes an action: a candidate is an
// index into those of the diagnosis.
func (c *dossier) judge(s statement, basis redact.Text) []incident.Hypothesis {
	var out []incident.Hypothesis
	for _, cl := range s.Hypotheses {
		h, ok := c.judgeClaim(cl, basis)
		if !ok || slices.ContainsFunc(out, func(o incident.Hypothesis) bool { return same(o, h) }) {
			continue
		}
		out = append(out, h)
	}
	slices.SortStableFunc(out, func(a, b incident.Hypothesis) int {
		return cmp.Compare(b.Confidence.Value, a.Confidence.Value)
	})
	return out[:min(len(out), maxHypotheses)]
}

func same(a, b incident.Hypothesis) bool {
	return a.Cause == b.Cause && a.Root == b.Root && (!a.Novel || a.Summary == b.Summary)
}

func (c *dossier) judgeClaim(cl claim, basis redact.Text) (incident.Hypothesis, bool) {
	h := incident.Hypothesis{
		Candidate:  c.candidate(cl.Candidate),
		Confidence: incident.Confidence{Value: clamp(cl.Confidence), Basis: basis},
		SelfReport: clamp(cl.Confidence),
		Cites:      c.cites(cl.Citations),
	}
	var known, found, said bool
	h.Cause, h.Novel, known = cause(cl.Cause)
	h.Root, found = c.root(cl.Root)
	h.Summary, said = c.prose(cl.Summary, maxSummary)
	if !known || !found || !said || len(h.Cites) == 0 {
		return incident.Hypothesis{}, false
	}
	if h.Novel {
		name, named := c.prose(cl.NovelText, maxNovel)
		if !named {
			return incident.Hypothesis{}, false
		}
		h.Summary = redact.Sprintf("%s: %s", name, h.Summary).Truncate(maxSummary)
		h.Candidate = -1 // a cause that no rule knows is no reason for a fix that a rule offers
	}
	for _, step := range cl.Steps {
		if t, ok := c.prose(step, maxStep); ok && len(h.Steps) < maxSteps {
			h.Steps = append(h.Steps, t)
		}
	}
	return h, true
}

// cause finds a code in the vocabulary. A novel cause is unknown to it.
func cause(code string) (c incident.Cause, isNovel, ok bool) {
	if code == novel {
		return incident.Unknown, true, true
	}
	c = incident.Cause(code)
	return c, false, c != incident.Unknown && slices.Contains(incident.Causes(), c)
}

// root finds the object that the answer names among those of the case.
func (c *dossier) root(named shownRef) (action.Ref, bool) {
	for _, o := range c.objects {
		if o.shown == named {
			return o.ref, true
		}
	}
	return action.Ref{}, false
}

// cites keeps the ids of the evidence that really holds what the answer quotes.
func (c *dossier) cites(cited []citation) []string {
	var ids []string
	for _, ct := range cited {
		if len(ids) == maxCites || slices.Contains(ids, ct.ID) {
			continue
		}
		for _, e := range c.evidence {
			if e.ID == ct.ID && holds(e.Text.String(), ct.Quote) {
				ids = append(ids, e.ID)
			}
		}
	}
	return ids
}

// holds tells whether quote stands in text word for word and is long enough to
// mean something, or is the whole text.
func holds(text, quote string) bool {
	quote = strings.TrimSpace(quote)
	if quote == "" || !strings.Contains(text, quote) {
		return false
	}
	return utf8.RuneCountInString(quote) >= minQuote || quote == strings.TrimSpace(text)
}

func (c *dossier) candidate(i int) int {
	if i < 0 || i >= len(c.diagnosis.Candidates) {
		return -1
	}
	return i
}

func clamp(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, 0), 1)
}
