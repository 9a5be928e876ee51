package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// unclosed blames, where the file ends inside a block, the block that was meant
// to end: the text's indentation tells, for a block whose content goes on no
// deeper than the block itself. It need not be one that is open at the end,
// because somebody else's brace may have closed it. Where the indentation tells
// nothing, the innermost open block is named.
func (b *builder) unclosed(last int) {
	blamed, before := b.parent(), 0
	if d, n := b.f.left(b.opens[:1]); n > 0 {
		blamed, before = d, n
	}
	from := blamed.words[0].line
	x := fault{rule: ruleUnclosed, line: from, reported: last, from: from,
		message: fmt.Sprintf("the block %q that opens here is not closed: a \"}\" is missing", short(blamed.name))}
	if before > 0 {
		x.from = before
		x.message += fmt.Sprintf(" before line %d", before)
		x.fix = []change{b.f.replace(before, b.f.indent(from)+"}\n"+b.f.text(before))}
	} else if len(b.opens) == 1 {
		x.fix = []change{b.f.appendLine(b.f.indent(from) + "}")}
	}
	b.f.add(x)
	b.f.open = true // what stands behind stands elsewhere
}

// left finds the first block whose content is left without a brace, and the line
// at which that shows.
func (f *file) left(list []*directive) (*directive, int) {
	for _, d := range list {
		if n := f.leaves(d); n > 0 {
			return d, n
		}
		if in, n := f.left(d.block); n > 0 {
			return in, n
		}
	}
	return nil, 0
}

// leaves is the line of the first directive in a block that stands no deeper
// than the block itself; 0 where all do, or where the block's first directive
// does: then that is how the file is written.
func (f *file) leaves(d *directive) int {
	own := f.indent(d.words[0].line)
	if !f.firstOnLine(d.words[0]) {
		return 0
	}
	for n, in := range d.block {
		w := in.words[0]
		if w.line == d.line || !f.firstOnLine(w) || !shallower(f.indent(w.line), own) {
			continue
		}
		if n == 0 && len(d.block) > 1 {
			return 0
		}
		return w.line
	}
	return 0
}

// consequences takes out of a file's faults what only follows from a brace that
// is missing or too many: directives out of place behind it. nginx names the
// first of them.
func (f *file) consequences() {
	for _, rule := range []string{ruleUnclosed, ruleBrace} {
		n := slices.IndexFunc(f.faults, func(x fault) bool { return x.rule == rule })
		if n < 0 {
			continue
		}
		from, reported := f.faults[n].from, f.faults[n].reported
		follows := func(x fault) bool {
			return (x.rule == ruleContext || x.rule == ruleDuplicate || x.rule == ruleMap) && x.line >= from
		}
		for _, x := range f.faults {
			if follows(x) {
				reported = min(reported, x.reported)
			}
		}
		f.faults[n].reported = reported
		f.faults = slices.DeleteFunc(f.faults, follows)
	}
}

// shallower reports whether an indentation is certainly not deeper than another:
// tabs and blanks are not compared with each other.
func shallower(a, b string) bool { return strings.HasPrefix(b, a) }

// unexpectedBrace blames a '}' that closes nothing. If an earlier one stands
// deeper than the block that it closed, that one is too many.
func (b *builder) unexpectedBrace(s statement) {
	at := s.line
	for _, c := range b.shuts {
		own, of := b.f.indent(c.line), b.f.indent(c.of.words[0].line)
		if strings.TrimSpace(b.f.text(c.line)) == "}" && b.f.firstOnLine(c.of.words[0]) && len(own) > len(of) && strings.HasPrefix(own, of) {
			at = c.line
			break
		}
	}
	x := fault{rule: ruleBrace, line: at, reported: s.line, from: at, message: "this \"}\" closes nothing that is open: one is too many"}
	if at != s.line {
		x.message = fmt.Sprintf("this \"}\" is one too many: it closes a block too early, and the one in line %d closes nothing", s.line)
	}
	if strings.TrimSpace(b.f.text(at)) == "}" {
		x.fix = []change{b.f.replace(at, "")}
	}
	b.f.add(x)
	b.f.open = true
}
