package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// The bounds of one check. A ConfigMap holds at most 1 MiB.
const (
	MaxBytes      = 10 << 20 // of all files
	maxDepth      = 60       // of blocks
	maxDirectives = 30_000   // of all files: some rules compare each with each
	maxFindings   = 500
)

// directive is one directive with what stands in its block.
type directive struct {
	name     string
	words    []word // words[0] is the name
	term     byte   // ';' '{' or '}' where the semicolon is missing
	at, line int    // the terminator; line is what nginx names
	block    []*directive
	isBlock  bool
	close    int // byte of the '}'; -1 where it is missing
	parent   *directive
	file     *file
	included []*file // what an include brings
	raw      bool    // a Lua block: nobody looks inside
	in       context // where it stands; 0 where nothing is known of that
	inner    *level  // see level
}

// arg is the n-th argument, from 1; empty where there is none.
func (d *directive) arg(n int) string {
	if n < len(d.words) {
		return d.words[n].text
	}
	return ""
}

// args are all words but the name.
func (d *directive) args() []string {
	var out []string
	for _, w := range d.words[1:] {
		out = append(out, w.text)
	}
	return out
}

// file is one configuration file.
type file struct {
	name    string
	src     string
	starts  []int // the byte at which each line begins
	top     []*directive
	context context
	faults  []fault
	// by is the include that brings the file; nil for a root.
	by *directive
	// open means that more stands at the top than these files show: its place in
	// the configuration is not known, or an include leads elsewhere.
	open  bool
	level *level // see around
}

// fault is something that nginx refuses.
type fault struct {
	rule     string
	line     int // where it is
	reported int // where nginx says so
	from     int // of a brace: behind which line directives are out of place
	message  string
	fix      []change
}

func newFile(name, src string) *file {
	f := &file{name: name, src: src, starts: []int{0}}
	for i := range len(src) {
		if src[i] == '\n' {
			f.starts = append(f.starts, i+1)
		}
	}
	return f
}

// text is line n, from 1, without its end.
func (f *file) text(n int) string {
	if n < 1 || n > len(f.starts) {
		return ""
	}
	end := len(f.src)
	if n < len(f.starts) {
		end = f.starts[n] - 1
	}
	return strings.TrimSuffix(f.src[f.starts[n-1]:end], "\r")
}

// lineOf is the line of a byte.
func (f *file) lineOf(at int) int {
	n, found := slices.BinarySearch(f.starts, at)
	if found {
		return n + 1
	}
	return n
}

// indent is the white space that line n begins with.
func (f *file) indent(n int) string {
	t := f.text(n)
	return t[:len(t)-len(strings.TrimLeft(t, " \t"))]
}

// firstOnLine reports whether nothing but white space stands before a word.
func (f *file) firstOnLine(w word) bool {
	return strings.TrimLeft(f.src[f.starts[w.line-1]:w.start], " \t") == ""
}

// builder makes the tree of one file.
type builder struct {
	f     *file
	x     lexer
	left  *int // directives that may still come, of all files
	opens []*directive
	shuts []shut
}

// shut is a '}' and the block that it closes.
type shut struct {
	line int
	of   *directive
}

// parse fills the file's tree and notes what is wrong with its form.
func (f *file) parse(left *int) {
	b := &builder{f: f, x: lexer{src: f.src, line: 1}, left: left}
	for {
		s, err := b.x.next()
		if err != nil {
			b.fail(err, s)
			return
		}
		if s.term == 0 {
			b.end(s)
			return
		}
		if *b.left--; *b.left < 0 || len(b.opens) > maxDepth {
			f.add(fault{rule: ruleTooLarge, line: s.line, message: "the configuration is larger or deeper than what is looked at; nothing behind this line was checked"})
			return
		}
		if !b.take(s) {
			return
		}
	}
}

func (f *file) add(x fault) {
	if x.reported == 0 {
		x.reported = x.line
	}
	f.faults = append(f.faults, x)
}

// take adds a statement; false ends the file.
func (b *builder) take(s statement) bool {
	for _, part := range b.split(s) {
		if len(part.words) > 0 {
			b.put(part)
		}
	}
	if s.term != '}' {
		return true
	}
	if len(b.opens) == 0 {
		b.unexpectedBrace(s)
		return false
	}
	b.pop(s.at, s.line)
	return true
}

func (b *builder) parent() *directive {
	if len(b.opens) == 0 {
		return nil
	}
	return b.opens[len(b.opens)-1]
}

func (b *builder) put(s statement) {
	d := &directive{name: s.words[0].text, words: s.words, term: s.term, at: s.at, line: s.line, parent: b.parent(), file: b.f, close: -1}
	if d.parent != nil {
		d.parent.block = append(d.parent.block, d)
	} else {
		b.f.top = append(b.f.top, d)
	}
	if s.term != '{' {
		return
	}
	d.isBlock = true
	b.opens = append(b.opens, d)
	if isLua(d.name) {
		d.raw = true
		if b.x.lua() {
			b.pop(b.x.pos-1, b.x.line)
		}
	}
}

func (b *builder) pop(at, line int) {
	d := b.parent()
	d.close = at
	b.opens = b.opens[:len(b.opens)-1]
	b.shuts = append(b.shuts, shut{line, d})
}

// fail notes an error of the lexer.
func (b *builder) fail(err *lexError, s statement) {
	x := fault{rule: err.rule, line: err.line, reported: err.reported, message: err.message}
	switch {
	case err.quote != nil:
		x.fix = b.f.closeQuote(*err.quote)
	case err.rule == ruleUnexpected && s.term == ';' && strings.TrimSpace(b.f.text(s.line)) == ";":
		x.fix = []change{b.f.replace(s.line, strings.Replace(b.f.text(s.line), ";", "", 1))}
	case err.rule == ruleUnexpected && s.term == ';':
		x.fix = []change{b.f.cut(s.at, s.at+1)}
	}
	b.f.add(x)
	b.f.open = true // nobody knows what follows
}

// end is the end of the file: with words that nobody ended, or with blocks that
// nobody closed.
func (b *builder) end(s statement) {
	last := b.x.line
	if len(s.words) > 0 {
		w := s.words[len(s.words)-1]
		b.f.add(fault{rule: ruleSemicolon, line: w.lastLine, reported: last,
			message: fmt.Sprintf("the directive %q is not ended: a \";\" is missing here", s.words[0].text),
			fix:     []change{b.f.insert(w.end, ";")}})
		for _, part := range b.split(s) {
			part.term = ';'
			b.put(part)
		}
	}
	if len(b.opens) > 0 {
		b.unclosed(last)
	}
}
