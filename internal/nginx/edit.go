package nginx

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// change replaces one line of one file, as raw text. after may hold several
// lines; neither holds the line's end.
type change struct {
	line   int // from 1
	before string
	after  string
}

func (f *file) replace(line int, after string) change {
	return change{line: line, before: f.text(line), after: after}
}

// splice replaces the bytes from…to, which must lie in one line; the zero change
// says that they do not.
func (f *file) splice(from, to int, with string) change {
	line := f.lineOf(from)
	if to > from && f.lineOf(to-1) != line || strings.Contains(f.src[from:to], "\n") {
		return change{}
	}
	at, text := f.starts[line-1], f.text(line)
	if to-at > len(text) {
		return change{}
	}
	return change{line: line, before: text, after: text[:from-at] + with + text[to-at:]}
}

func (f *file) insert(at int, with string) change { return f.splice(at, at, with) }

func (f *file) cut(from, to int) change { return f.splice(from, to, "") }

// setWord replaces a word; the text stands for itself, without quotes.
func (f *file) setWord(w word, with string) change { return f.splice(w.start, w.end, with) }

// dropWord takes a word out with the white space before it.
func (f *file) dropWord(w word) change {
	from := w.start
	for from > 0 && (f.src[from-1] == ' ' || f.src[from-1] == '\t') {
		from--
	}
	return f.cut(from, w.end)
}

// lineBehind adds a line below a directive, as deep as the directive. Only where
// nothing follows on the directive's line but a comment.
func (f *file) lineBehind(d *directive, text string) change {
	if d.at >= len(f.src) || f.src[d.at] != ';' {
		return change{}
	}
	line := f.lineOf(d.at)
	rest := strings.TrimSpace(f.text(line)[d.at+1-f.starts[line-1]:])
	if rest != "" && !strings.HasPrefix(rest, "#") || !f.firstOnLine(d.words[0]) {
		return change{}
	}
	return f.replace(line, f.text(line)+"\n"+f.indent(d.words[0].line)+text)
}

// appendLine adds a line at the end of the text.
func (f *file) appendLine(text string) change {
	for n := len(f.starts); n > 0; n-- {
		if t := f.text(n); strings.TrimSpace(t) != "" || n == 1 {
			return f.replace(n, t+"\n"+text)
		}
	}
	return change{}
}

// closeQuote closes a quote before the semicolon of its line, where the line has
// one at its end and the word began nowhere else.
func (f *file) closeQuote(w word) []change {
	text := strings.TrimRight(f.text(w.line), " \t")
	at := f.starts[w.line-1]
	if !strings.HasSuffix(text, ";") || strings.Count(text[w.start-at:], f.src[w.start:w.start+1]) != 1 {
		return nil
	}
	end := at + len(text) - 1
	return []change{f.insert(end, f.src[w.start:w.start+1])}
}

// cells is a text in which lines are replaced while the numbers of the original
// lines stay: cell n holds what became of line n+1.
type cells struct {
	now  [][]string
	eols []string
}

func newCells(src string) *cells {
	c := &cells{}
	for _, line := range strings.SplitAfter(src, "\n") {
		body := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		c.now = append(c.now, []string{body})
		c.eols = append(c.eols, line[len(body):])
	}
	return c
}

func (c *cells) clone() *cells { return &cells{now: slices.Clone(c.now), eols: c.eols} }

// text is the whole text. New lines end as the line did that they came from.
func (c *cells) text() string {
	var b strings.Builder
	for n, lines := range c.now {
		eol := c.eols[n]
		if eol == "" { // the last line
			eol = "\n"
			if n > 0 {
				eol = c.eols[n-1]
			}
		}
		b.WriteString(strings.Join(lines, eol))
		b.WriteString(c.eols[n])
	}
	return b.String()
}

// apply makes a change to the present text; it reports whether the line was as
// the change says.
func (c *cells) apply(x change) bool {
	line := x.line
	for n := range c.now {
		if line > len(c.now[n]) {
			line -= len(c.now[n])
			continue
		}
		if c.now[n][line-1] != x.before || x.before == x.after {
			return false
		}
		c.now[n] = slices.Replace(slices.Clone(c.now[n]), line-1, line, strings.Split(x.after, "\n")...)
		return true
	}
	return false
}

// changes are the lines that differ from the original text.
func (c *cells) changes(src string) []change {
	var out []change
	for n, was := range newCells(src).now {
		if !slices.Equal(was, c.now[n]) {
			out = append(out, change{line: n + 1, before: was[0], after: strings.Join(c.now[n], "\n")})
		}
	}
	return out
}

// hash is the SHA-256 of a text in hex.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
