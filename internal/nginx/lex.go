package nginx

import (
	"fmt"
	"strings"
)

// maxWord is how long one parameter may be: nginx reads through a buffer of
// this size and refuses what does not fit.
const maxWord = 4096

// word is one word of a statement.
type word struct {
	text       string // without quotes, escapes resolved
	start, end int    // bytes in the file, quotes included
	line       int    // of its first byte, from 1
	lastLine   int    // of its last byte
	quoted     bool
}

// statement is what nginx hands to a directive's handler: the words up to a
// terminator.
type statement struct {
	words []word
	term  byte // ';' '{' '}' or 0 at the end of the file
	at    int  // the terminator's byte
	line  int  // of the terminator, which is the line that nginx names
}

// lexError is where nginx gives up reading. Line is where the fault is, nginx
// names Reported.
type lexError struct {
	rule           string
	line, reported int
	message        string
	quote          *word // the parameter that is not closed, if that is the fault
}

// lexer reads statements.
type lexer struct {
	src  string
	pos  int
	line int
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// next reads one statement. It follows ngx_conf_read_token: '}' ends a block
// only where no word has begun, a quote counts only at the beginning of a word,
// and ${ begins a variable, not a block.
func (x *lexer) next() (statement, *lexError) {
	var s statement
	for {
		if x.blank(); x.pos >= len(x.src) {
			s.at, s.line = len(x.src), x.line
			return s, nil
		}
		switch c := x.src[x.pos]; c {
		case ';', '{':
			s.term, s.at, s.line = c, x.pos, x.line
			x.pos++
			if len(s.words) == 0 {
				return s, &lexError{rule: ruleUnexpected, line: x.line, reported: x.line, message: fmt.Sprintf("unexpected %q", string(c))}
			}
			return s, nil
		case '}':
			// The tree knows what a '}' behind words means.
			s.term, s.at, s.line = c, x.pos, x.line
			x.pos++
			return s, nil
		}
		w, err := x.word()
		if err != nil {
			return s, err
		}
		s.words = append(s.words, w)
	}
}

// blank passes white space and comments.
func (x *lexer) blank() {
	for x.pos < len(x.src) {
		switch c := x.src[x.pos]; {
		case c == '\n':
			x.line++
		case c == '#':
			if n := strings.IndexByte(x.src[x.pos:], '\n'); n >= 0 {
				x.pos += n
				continue
			}
			x.pos = len(x.src)
			return
		case !isSpace(c):
			return
		}
		x.pos++
	}
}

func (x *lexer) word() (word, *lexError) {
	w := word{start: x.pos, line: x.line, lastLine: x.line}
	if c := x.src[x.pos]; c == '"' || c == '\'' {
		return x.quoted(w, c)
	}
	variable := false
	for x.pos < len(x.src) {
		c := x.src[x.pos]
		if isSpace(c) || c == ';' || c == '{' && !variable {
			break
		}
		variable = c == '$' || c == '{' // the brace of a variable keeps the state, as in nginx
		if c == '\\' && x.pos+1 < len(x.src) {
			x.pos++
			x.count()
		}
		x.pos++
	}
	return x.finish(w, w.start, x.pos)
}

// quoted reads a word in quotes. Behind the closing quote nginx wants a blank,
// a terminator, or ')' for the condition of an if.
func (x *lexer) quoted(w word, quote byte) (word, *lexError) {
	w.quoted = true
	for x.pos++; x.pos < len(x.src) && x.src[x.pos] != quote; x.pos++ {
		if x.src[x.pos] == '\\' && x.pos+1 < len(x.src) {
			x.pos++
		}
		x.count()
	}
	open := &lexError{rule: ruleQuote, line: w.line, message: fmt.Sprintf("the quote %c that opens here is not closed", quote)}
	if x.pos >= len(x.src) {
		w.end, w.lastLine = len(x.src), x.line
		open.reported, open.quote = x.line, &w
		return w, open
	}
	x.pos++
	w, err := x.finish(w, w.start+1, x.pos-1)
	if err != nil {
		return w, err
	}
	if x.pos < len(x.src) {
		c := x.src[x.pos]
		if !isSpace(c) && c != ';' && c != '{' && c != ')' {
			if w.lastLine > w.line { // it swallowed lines up to somebody else's quote
				open.reported, open.quote = x.line, &w
				return w, open
			}
			return w, &lexError{rule: ruleUnexpected, line: x.line, reported: x.line,
				message: fmt.Sprintf("unexpected %q behind the closing quote", string(rune(c)))}
		}
	}
	return w, nil
}

// count keeps the line behind the byte at pos.
func (x *lexer) count() {
	if x.pos < len(x.src) && x.src[x.pos] == '\n' {
		x.line++
	}
}

func (x *lexer) finish(w word, from, to int) (word, *lexError) {
	w.end, w.lastLine, w.text = x.pos, x.line, unescape(x.src[from:to])
	if to-from < maxWord {
		return w, nil
	}
	return w, &lexError{rule: ruleTooLong, line: w.line, reported: w.line, message: "a parameter of 4096 bytes or more begins here; a closing quote is probably missing"}
}

// unescape resolves what ngx_conf_read_token resolves and keeps every other
// backslash, which regular expressions need.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		switch i++; s[i] {
		case '"', '\'', '\\':
			b.WriteByte(s[i])
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'n':
			b.WriteByte('\n')
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
