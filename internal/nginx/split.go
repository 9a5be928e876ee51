package nginx

import (
	"fmt"
	"regexp"
	"strings"
)

// takesLists are directives to which any further word is one more argument: a
// missing semicolon does not stop nginx, it swallows the next directive.
var takesLists = map[string]bool{
	"server_name": true, "index": true, "try_files": true, "gzip_types": true, "sub_filter_types": true, "ssi_types": true,
	"charset_types": true, "addition_types": true, "log_format": true, "valid_referers": true,
}

// split divides a statement in which semicolons are missing, and notes where.
// People write one directive a line: a word that begins its line, is a directive
// of the same context, and makes a good statement with what follows, begins one.
func (b *builder) split(s statement) []statement {
	var parts []statement
	for len(s.words) > 0 {
		if n := b.openAt(s); n > 0 {
			parts = append(parts, b.opening(s, n))
			s.words = s.words[n:]
			continue
		}
		n := b.splitAt(s)
		if n == 0 {
			break
		}
		head := statement{words: s.words[:n], term: ';', at: s.words[n-1].end, line: s.line}
		in := b.parent()
		b.missing(head, s.line, s.term != '{' && (takesLists[head.words[0].text] || in != nil && in.name == "split_clients"))
		parts = append(parts, head)
		s.words = s.words[n:]
	}
	if s.term == '}' && len(s.words) > 0 {
		b.missing(s, s.line, false)
	}
	return append(parts, s)
}

// missing notes that a statement is not ended. swallows means that nginx takes
// what follows for arguments and starts.
func (b *builder) missing(s statement, reported int, swallows bool) {
	w := s.words[len(s.words)-1]
	x := fault{rule: ruleSemicolon, line: w.lastLine, reported: reported,
		message: fmt.Sprintf("the directive %q is not ended: a \";\" is missing here", s.words[0].text),
		fix:     []change{b.f.insert(w.end, ";")}}
	if swallows {
		x.rule = ruleSwallowed
		x.message += ", and nginx takes the next line for more of its arguments"
	}
	b.f.add(x)
}

// openAt is the index of the first word inside a block whose '{' is missing; 0
// where none is.
func (b *builder) openAt(s statement) int {
	name := s.words[0].text
	if s.term == '{' || isLua(name) || name == "server" && b.parent() != nil && b.parent().name == "upstream" {
		return 0
	}
	for i := 1; i < len(s.words); i++ {
		if w := s.words[i]; b.f.firstOnLine(w) {
			if !w.quoted && known(w.text) && fits(name, texts(s.words[1:i]), '{', 0) && name != "types" {
				return i
			}
			return 0
		}
	}
	return 0
}

// opening is the head of a block whose '{' is missing.
func (b *builder) opening(s statement, n int) statement {
	w := s.words[n-1]
	b.f.add(fault{rule: ruleBlock, line: w.lastLine, reported: s.line,
		message: fmt.Sprintf("the block of %q is not opened: a \"{\" is missing here", s.words[0].text),
		fix:     []change{b.f.insert(w.end, " {")}})
	return statement{words: s.words[:n], term: '{', at: w.end, line: s.line}
}

// directiveName is how names of directives look.
var directiveName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// splitAt is the index of the word that begins the next statement; 0 for none.
func (b *builder) splitAt(s statement) int {
	name := s.words[0].text
	if in := b.parent(); in != nil {
		if _, data := context(0).enter(in.name); data {
			return b.splitData(in.name, s)
		}
	}
	if !known(name) || name == "if" || len(s.words) > maxSplit {
		return 0
	}
	whole := fits(name, texts(s.words[1:]), term(s), 0)
	for i := 1; i < len(s.words); i++ {
		w := s.words[i]
		if w.quoted || !directiveName.MatchString(w.text) || w.text == "break" && whole {
			continue
		}
		if !b.f.firstOnLine(w) && (whole || !onOneLine(s)) || !fits(name, texts(s.words[1:i]), ';', 0) {
			continue
		}
		rest := statement{words: s.words[i:], term: s.term}
		if known(w.text) && places(name)&places(w.text) != 0 && (fits(w.text, texts(rest.words[1:]), term(rest), 0) || b.splitsFurther(rest)) {
			return i
		}
	}
	if whole {
		return 0
	}
	return b.splitUnknown(s)
}

// maxSplit is how many words a statement may have that is divided: every word is
// tried with those before it.
const maxSplit = 400

// splitsFurther reports whether the rest of a statement lacks a semicolon, too:
// its words up to the next directive that begins a line make a good one.
func (b *builder) splitsFurther(rest statement) bool {
	for j := 1; j < len(rest.words); j++ {
		if w := rest.words[j]; !w.quoted && b.f.firstOnLine(w) && known(w.text) {
			return fits(rest.words[0].text, texts(rest.words[1:j]), ';', 0)
		}
	}
	return false
}

// splitUnknown divides at the end of the first line, where the next one begins
// with something that looks like a directive and is not known.
func (b *builder) splitUnknown(s statement) int {
	if s.term == '{' {
		return b.splitHead(s)
	}
	for i := 1; i < len(s.words); i++ {
		if w := s.words[i]; b.f.firstOnLine(w) {
			if !w.quoted && strings.Contains(w.text, "_") && directiveName.MatchString(w.text) && !known(w.text) && i+1 < len(s.words) &&
				fits(s.words[0].text, texts(s.words[1:i]), ';', 0) {
				return i
			}
			return 0
		}
	}
	return 0
}

// splitHead divides before the line with the '{': what stands above it is no
// block.
func (b *builder) splitHead(s statement) int {
	for i := len(s.words) - 1; i > 0; i-- {
		if w := s.words[i]; b.f.firstOnLine(w) {
			if !w.quoted && directiveName.MatchString(w.text) && fits(s.words[0].text, texts(s.words[1:i]), ';', 0) {
				return i
			}
			return 0
		}
	}
	return 0
}

// splitData divides a line of a map or the like: all have two words.
func (b *builder) splitData(block string, s statement) int {
	if block != "map" && block != "geo" && block != "split_clients" && block != "charset_map" || len(s.words) < 4 || s.words[0].text == "include" {
		return 0
	}
	if w := s.words[2]; b.f.firstOnLine(w) {
		return 2
	}
	return 0
}

// term is what ends a statement; where a '}' does, a ';' was meant.
func term(s statement) byte {
	if s.term == '{' {
		return '{'
	}
	return ';'
}

func onOneLine(s statement) bool { return s.words[0].line == s.words[len(s.words)-1].lastLine }

func texts(words []word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.text
	}
	return out
}
