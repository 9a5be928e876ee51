package corpus

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
)

// Generator draws strings that a regular expression matches.
type Generator struct{ Rand *rand.Rand }

// maxMore bounds how often an open repetition goes on beyond its least count.
const maxMore = 12

// Draw returns one string that re matches. Assertions such as \b are taken as
// true; the caller checks the outcome with the expression itself.
func (g Generator) Draw(pattern string) (string, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	g.write(&b, tree)
	return b.String(), nil
}

func (g Generator) write(b *strings.Builder, re *syntax.Regexp) {
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(g.oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(byte('a' + g.Rand.IntN(26)))
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			g.write(b, sub)
		}
	case syntax.OpAlternate:
		g.write(b, re.Sub[g.Rand.IntN(len(re.Sub))])
	case syntax.OpStar:
		g.repeat(b, re.Sub[0], 0, maxMore)
	case syntax.OpPlus:
		g.repeat(b, re.Sub[0], 1, maxMore)
	case syntax.OpQuest:
		g.repeat(b, re.Sub[0], 0, 1)
	case syntax.OpRepeat:
		most := re.Max
		if most < 0 {
			most = re.Min + maxMore
		}
		g.repeat(b, re.Sub[0], re.Min, min(most, re.Min+2*maxMore))
	case syntax.OpNoMatch, syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
	}
}

func (g Generator) repeat(b *strings.Builder, re *syntax.Regexp, least, most int) {
	for range least + g.Rand.IntN(most-least+1) {
		g.write(b, re)
	}
}

// oneOf picks a printable character of the class, as secrets have them.
func (g Generator) oneOf(ranges []rune) rune {
	var all []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := max(ranges[i], ' '); r <= min(ranges[i+1], '~'); r++ {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return 'x'
	}
	return all[g.Rand.IntN(len(all))]
}
