package redact

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
)

// Rule is one of the operator's own. Its placeholder is ⟨own:…⟩; reports count it
// as own-NAME.
type Rule struct {
	// Name is of lower case letters, digits and dashes.
	Name string `json:"name"`
	// Anchor is a text of at least three bytes that every match holds; case does
	// not count. The pattern is tried only around it.
	Anchor string `json:"anchor"`
	// Pattern is in Go's syntax (RE2) and is matched with its case.
	Pattern string `json:"pattern"`
	// KeepPrefix is how many bytes of a match stay, for people to know it by.
	KeepPrefix int `json:"keepPrefix"`
	// Example is a text that the rule must change. A rule that misses its own
	// example is refused.
	Example string `json:"example"`
}

const (
	ownKind = "own-"
	// ownPlaceholder is the same for all of them: a text that could name any kind
	// in brackets could carry anything past the patterns.
	ownPlaceholder = "own"
	maxOwn         = 200
	maxPattern     = 1000
	maxSteps       = 500
	ownBefore      = 256
	ownAfter       = 1024
	// ownBudget is the time that the operator's rules may take in one call of
	// Redact before the text is withheld.
	ownBudget = time.Second
)

var ownName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,39}$`)

// ownRule is a Rule ready to run.
type ownRule struct {
	Rule
	pattern *regexp.Regexp
}

// NewWithRules makes a Redactor that knows rules besides the built-in patterns.
// An error names the rule and what is wrong with it.
func NewWithRules(cfg Config, rules []Rule) (*Redactor, error) {
	r := New(cfg)
	if len(rules) == 0 {
		return r, nil
	}
	if len(rules) > maxOwn {
		return nil, fmt.Errorf("%d rules of your own, at most %d are taken", len(rules), maxOwn)
	}
	own := make([]ownRule, 0, len(rules))
	seen := map[string]bool{}
	for n, rule := range rules {
		made, err := rule.compile()
		if err == nil && seen[rule.Name] {
			err = errors.New("the name is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("redaction rule %d (%q): %w", n+1, rule.Name, err)
		}
		seen[rule.Name] = true
		own = append(own, made)
	}
	r.e = newEngine(own)
	for n, rule := range own {
		if err := rule.try(r); err != nil {
			return nil, fmt.Errorf("redaction rule %d (%q): %w", n+1, rule.Name, err)
		}
	}
	return r, nil
}

func (r Rule) compile() (ownRule, error) {
	switch {
	case !ownName.MatchString(r.Name):
		return ownRule{}, errors.New("name: use 2 to 40 lower case letters, digits and dashes, a letter first")
	case len(r.Anchor) < 3 || len(r.Anchor) > 64 || !allBytes(r.Anchor, func(c byte) bool { return c >= ' ' && c < 0x7f }):
		return ownRule{}, errors.New("anchor: use 3 to 64 printable ASCII characters that every match holds")
	case r.Pattern == "" || len(r.Pattern) > maxPattern:
		return ownRule{}, fmt.Errorf("pattern: use 1 to %d characters", maxPattern)
	case r.KeepPrefix < 0 || r.KeepPrefix > 16:
		return ownRule{}, errors.New("keepPrefix: use 0 to 16")
	case r.Example == "":
		return ownRule{}, errors.New("example: give a text that the rule must change")
	}
	pattern, err := regexp.Compile(r.Pattern)
	if err != nil {
		return ownRule{}, fmt.Errorf("pattern: %w", err)
	}
	if n, err := steps(r.Pattern); err != nil || n > maxSteps {
		return ownRule{}, fmt.Errorf("pattern: it has %d steps, at most %d are taken; write fewer or shorter repetitions", n, maxSteps)
	}
	if pattern.MatchString("") {
		return ownRule{}, errors.New("pattern: it matches the empty text")
	}
	return ownRule{Rule: r, pattern: pattern}, nil
}

// try runs a rule over its example.
func (r ownRule) try(with *Redactor) error {
	quiet := *with // an example does not count
	quiet.counts = nil
	got := quiet.Redact(r.Example).String()
	if !strings.Contains(got, openMark+ownPlaceholder+":") {
		return fmt.Errorf("example: the rule leaves it as it is (%q); the anchor must be inside the match", got)
	}
	return nil
}

// steps is the size of a pattern's program, which bounds its time for each byte
// whatever the text is.
func steps(pattern string) (int, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// findOwn looks around the anchor of an operator's rule.
func (p *pass) findOwn(id, start, end int) {
	began := p.now()
	p.e.own[id].find(p, start, end)
	if p.ownTime += p.now().Sub(began); p.ownTime > ownBudget {
		p.late = true
	}
}

func (r ownRule) find(p *pass, start, end int) {
	from := max(lineStart(p.s, start), start-ownBefore)
	to := min(len(p.s), end+ownAfter)
	for _, m := range r.pattern.FindAllStringIndex(p.s[from:to], -1) {
		if from+m[0] <= start && from+m[1] >= end && m[0]+r.KeepPrefix < m[1] {
			p.hide(ownKind+r.Name, from+m[0]+r.KeepPrefix, from+m[1])
			return
		}
	}
}
