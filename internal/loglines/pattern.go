package loglines

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync/atomic"
)

// pattern is a regular expression for one line of a log, with the words of which
// every match holds one. Most lines of a log hold none, and looking for words is
// a hundred times faster than trying the expression. Its own methods ask the
// words first; the others are those of regexp.
type pattern struct {
	*regexp.Regexp
	words []string // in lower case; nil: nothing is known, always try
}

// minWord is the length below which a word says too little to be looked for.
const minWord = 3

// linePattern compiles a pattern; it panics on one that is no regular expression.
func linePattern(expr string) *pattern {
	p := &pattern{Regexp: regexp.MustCompile(expr)}
	if parsed, err := syntax.Parse(expr, syntax.Perl); err == nil {
		p.words = wordsOf(parsed.Simplify())
	}
	return p
}

// linePatterns compiles several.
func linePatterns(exprs ...string) []*pattern {
	out := make([]*pattern, len(exprs))
	for i, e := range exprs {
		out[i] = linePattern(e)
	}
	return out
}

func (p *pattern) MatchString(s string) bool {
	return p.may(s) && p.Regexp.MatchString(s)
}

func (p *pattern) FindStringSubmatch(s string) []string {
	if !p.may(s) {
		return nil
	}
	return p.Regexp.FindStringSubmatch(s)
}

func (p *pattern) FindAllStringSubmatch(s string, n int) [][]string {
	if !p.may(s) {
		return nil
	}
	return p.Regexp.FindAllStringSubmatch(s, n)
}

// may reports whether s holds a word without which the pattern cannot match.
func (p *pattern) may(s string) bool {
	if p.words == nil {
		return true
	}
	low := lowered(s)
	for _, w := range p.words {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// wordsOf derives words of which every match of re holds one; nil where there
// are none that say enough.
func wordsOf(re *syntax.Regexp) []string {
	if words := longEnough(exact(re)); words != nil {
		return words
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return wordsOf(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return wordsOf(re.Sub[0])
		}
	case syntax.OpConcat: // every part is there: the one that says most is enough
		var best []string
		better := func(words []string) {
			if words != nil && (best == nil || shortest(words) > shortest(best)) {
				best = words
			}
		}
		for n := range re.Sub {
			better(wordsOf(re.Sub[n]))
			run := []string{""}
			for _, sub := range re.Sub[n:] { // parts that follow each other
				if run = crossed(run, exact(sub)); run == nil {
					break
				}
				better(longEnough(run))
			}
		}
		return best
	case syntax.OpAlternate: // one of the parts is there
		var all []string
		for _, sub := range re.Sub {
			words := wordsOf(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	default: // classes, anchors, what may be absent
	}
	return nil
}

// maxExact bounds how many texts one part of a pattern may stand for.
const maxExact = 24

// exact lists all texts that re matches, in lower case; nil where there are too
// many to list.
func exact(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{foldCase(string(re.Rune))}
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}
	case syntax.OpCapture:
		return exact(re.Sub[0])
	case syntax.OpQuest:
		if found := exact(re.Sub[0]); found != nil {
			return append([]string{""}, found...)
		}
	case syntax.OpConcat:
		all := []string{""}
		for _, sub := range re.Sub {
			all = crossed(all, exact(sub))
		}
		return all
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := exact(sub)
			if found == nil || len(all)+len(found) > maxExact {
				return nil
			}
			all = append(all, found...)
		}
		return all
	default: // classes and repetitions
	}
	return nil
}

// crossed are the texts of a, each followed by each of b.
func crossed(a, b []string) []string {
	if a == nil || b == nil || len(a)*len(b) > maxExact {
		return nil
	}
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return out
}

// longEnough are the words if every one of them is long enough to be looked for.
func longEnough(words []string) []string {
	if len(words) == 0 || shortest(words) < minWord {
		return nil
	}
	return words
}

func shortest(words []string) int {
	n := len(words[0])
	for _, w := range words[1:] {
		n = min(n, len(w))
	}
	return n
}

// foldCase is lower case as regular expressions fold it: the long s is an s.
func foldCase(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "ſ", "s")
}

// lastLower is the line that was folded last: many patterns look at one line.
var lastLower atomic.Pointer[[2]string]

func lowered(s string) string {
	if last := lastLower.Load(); last != nil && last[0] == s {
		return last[1]
	}
	low := foldCase(s)
	lastLower.Store(&[2]string{s, low})
	return low
}
