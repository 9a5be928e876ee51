package redact

import (
	"strings"
)

// extent is where a value begins and ends.
type extent struct {
	start, end int
	quoted     bool
}

// hideValue decides about the value of a field and hides it.
func (p *pass) hideValue(f field) {
	s := p.s
	if f.at >= len(s) {
		return
	}
	if f.sep == '>' {
		end := lineEnd(s, f.at)
		if n := strings.IndexByte(s[f.at:min(len(s), f.at+maxAhead)], '<'); n >= 0 {
			end = f.at + n
		}
		p.judge(f, extent{f.at, end, false})
		return
	}
	if strings.HasPrefix(s[f.at:], "(string) ") { // as go-spew prints it
		if q := strings.IndexByte(s[f.at:lineEndIn(s, f.at, 64)], '"'); q > 0 {
			f.at += q
		}
	}
	switch c := s[f.at]; {
	case c == '\n':
		p.hideNextLines(f)
		return
	case (c == '|' || c == '>') && f.sep == ':' && p.hideBlock(f):
		return
	case c == '[':
		p.hideList(f)
		return
	case c == '{' || strings.HasPrefix(s[f.at:], "&{") || strings.HasPrefix(s[f.at:], "map["):
		return
	}
	p.judge(f, p.extentOf(f))
}

// extentOf finds the end of a value, quoted or bare.
func (p *pass) extentOf(f field) extent {
	s, i := p.s, f.at
	if j := i; (s[j] == 'b' || s[j] == 'u' || s[j] == 'r' || s[j] == '@') && j+1 < len(s) && (s[j+1] == '\'' || s[j+1] == '"') {
		i++ // the prefix of a Python or C# string
	}
	if startsQuoted(s[i:]) {
		start, end := quotedExtent(s, i)
		return extent{start, end, true}
	}
	if f.sep == 'v' {
		if n := strings.Index(s[i:lineEndIn(s, i, 1024)], " ValueFrom:"); n >= 0 {
			return extent{i, i + n, false}
		}
	}
	if p.ownsLine(f) {
		return extent{i, p.lineValueEnd(f, i), false}
	}
	return extent{i, p.bareEnd(i, f.at > 0 && s[f.at-1] == '='), false}
}

// quotedExtent returns the inside of the quoted string at i. An unclosed quote
// reaches to the end of the line.
func quotedExtent(s string, i int) (start, end int) {
	open := runEnd(s, i, func(c byte) bool { return c == '\\' })
	depth, quote := open-i, s[open]
	start = open + 1
	limit := start
	for k := start; k < len(s) && s[k] != '\n'; k++ {
		limit = k + 1
		if s[k] != quote {
			continue
		}
		b := runStart(s, k, k-start, func(c byte) bool { return c == '\\' })
		switch n := k - b; {
		case depth == 0 && n%2 == 1, depth > 0 && n > depth:
			continue // escaped inside the value
		case depth == 0:
			return start, k
		default:
			return start, b
		}
	}
	return start, limit
}

// ownsLine tells whether a field has its line to itself, as in an env dump or
// block YAML, so that spaces belong to the value.
func (p *pass) ownsLine(f field) bool {
	if f.keyQuote != "" || f.flag || f.sep == ' ' || f.weight != telling {
		return false
	}
	from := lineStart(p.s, f.start)
	if !startsLine(p.s, from) {
		return false
	}
	lead := strings.TrimLeft(p.s[from:f.start], " \t-")
	if f.sep == ':' && f.tight {
		return false
	}
	lead = strings.TrimPrefix(lead, "export ")
	if lead == "" {
		return f.sep == ':' || strings.ToUpper(f.name) == f.name
	}
	if !strings.HasSuffix(lead, " ") || len(lead) < 2 {
		return false
	}
	switch lead[len(lead)-2] {
	case ']', '|', '>', 'Z':
		return true
	}
	return strings.HasSuffix(lead, " F ") || strings.HasSuffix(lead, " P ")
}

// lineValueEnd ends a value that owns its line: at a comment, or at the next
// KEY= of the same line.
func (p *pass) lineValueEnd(f field, i int) int {
	end := i
	for end < len(p.s) && p.s[end] != '\n' {
		end++
	}
	for k := i; k < end; k++ {
		if !isBlank(p.s[k]) {
			continue
		}
		rest := p.s[k+1 : end]
		if f.sep == ':' && strings.HasPrefix(rest, "#") || nextField(rest, f.sep) {
			end = k
		}
	}
	return runStart(p.s, end, end-i, isBlank)
}

// nextField tells whether s begins with another field; sep is its separator,
// or 0 for any.
func nextField(s string, sep byte) bool {
	i := 0
	for i < len(s) && (isQuote(s[i]) || s[i] == '\\') {
		i++
	}
	from := i
	i = runEnd(s, i, isKeyByte)
	if i == from || i >= len(s) || !isAlpha(s[from]) && s[from] != '_' {
		return false
	}
	for i < len(s) && (isQuote(s[i]) || s[i] == '\\') {
		i++
	}
	switch {
	case i >= len(s):
		return false
	case sep == '=':
		return s[i] == '='
	case sep == ':':
		return s[i] == '=' || s[i] == ':' && i+1 < len(s) && isBlank(s[i+1])
	}
	return s[i] == '=' || s[i] == ':'
}

// bareEnd ends a value without quotes. A sign that may also be part of a
// password ends it only where what follows shows that the carrier goes on.
// Behind a plain = an escape such as %26 is a part of the value; behind one
// that is an escape itself it ends it.
func (p *pass) bareEnd(i int, plain bool) int {
	s := p.s
	for k := referenceEnd(s, i); k < len(s); {
		if n := p.skip(k); n > 0 {
			k += n
			continue
		}
		if isSpace(s[k]) || k > i && (s[k] != '%' || !plain) && endsBare(s, k) || k == i && strings.IndexByte(",;)}]", s[k]) >= 0 {
			return k
		}
		k++
	}
	return len(s)
}

// referenceEnd returns where ${NAME}, $(NAME) or {{ … }} at i ends, or i.
func referenceEnd(s string, i int) int {
	for _, mark := range [...][2]string{{"${", "}"}, {"$(", ")"}, {"{{", "}}"}} {
		if !strings.HasPrefix(s[i:], mark[0]) {
			continue
		}
		if n := strings.Index(s[i:lineEndIn(s, i, maxName)], mark[1]); n > 0 {
			return i + n + len(mark[1])
		}
	}
	return i
}

func endsBare(s string, k int) bool {
	rest := s[k+1:]
	switch s[k] {
	case '"', '\'', '`':
		return rest == "" || !isAlnum(rest[0])
	case '\\':
		if rest == "" || isQuote(rest[0]) || rest[0] == '\\' {
			return true
		}
		if hasFold(rest, "u0026") || hasFold(rest, "u003c") || hasFold(rest, "u003e") || hasFold(rest, "u0022") || hasFold(rest, "u0027") {
			return true
		}
		if rest[0] == 'n' || rest[0] == 'r' || rest[0] == 't' {
			after := rest[1:]
			return after == "" || !isAlnum(after[0]) || nextField(after, 0)
		}
		return false
	case '&':
		return rest == "" || nextField(rest, 0) || strings.HasPrefix(rest, "amp;")
	case ',', ';':
		return rest == "" || isSpace(rest[0]) || strings.IndexByte("\"'`{}[]()\\", rest[0]) >= 0 || nextField(rest, 0)
	case ')', '}', ']', '>':
		return rest == "" || isSpace(rest[0]) || strings.IndexByte(",;.)}]\"'`<>:|\\", rest[0]) >= 0
	case '<':
		return rest != "" && (rest[0] == '/' || rest[0] == '!' || isSpace(rest[0]))
	case '|':
		return rest == "" || isSpace(rest[0])
	case '%':
		return hasFold(rest, "26") || hasFold(rest, "22") || hasFold(rest, "27") || hasFold(rest, "0a") || hasFold(rest, "3c")
	}
	return false
}

// hideBlock hides a YAML block scalar: the deeper lines after | or >.
func (p *pass) hideBlock(f field) bool {
	s := p.s
	eol := lineEnd(s, f.at)
	if strings.Trim(s[f.at:eol], "|>+-0123456789 \t") != "" || eol == len(s) {
		return false
	}
	indent := runEnd(s, lineStart(s, f.start), isBlank) - lineStart(s, f.start)
	first, last := -1, -1
	for at := eol + 1; at < len(s); {
		end := lineEnd(s, at)
		text := runEnd(s, at, isBlank)
		if text < end {
			if text-at <= indent {
				break
			}
			if first < 0 {
				first = text
			}
			last = end
		}
		at = end + 1
	}
	if first >= 0 {
		p.hide(f.kind, first, last)
	}
	return true
}

// hideNextLines hides the scalar, or the items of the list, that YAML puts on
// the lines after a name. Mappings are left to their own names, and lists of
// "secrets" stay: they are names of objects.
func (p *pass) hideNextLines(f field) {
	s := p.s
	f.tight = false // the line ends instead
	if f.sep != ':' || f.kind == "secret" || f.weight != telling || !p.ownsLine(f) {
		return
	}
	head := lineStart(s, f.start)
	indent := runEnd(s, head, isBlank) - head
	for at, n := f.at+1, 0; at < len(s) && n < 64; n++ {
		end := lineEnd(s, at)
		text := runEnd(s, at, isBlank)
		item := strings.HasPrefix(s[text:end], "- ")
		if text >= end || text-at < indent || text-at == indent && !item || strings.ContainsAny(s[text:end], ":=({") {
			return
		}
		if item {
			text = runEnd(s, text+2, isBlank)
		}
		value := strings.TrimRight(s[text:end], " \t")
		if !p.e.shapes.survives(strings.Trim(value, `"'`), false) && !strings.Contains(value, " ") {
			p.hideScalar(text, text+len(value))
		}
		if !item {
			return
		}
		at = end + 1
	}
}

// hideList hides the scalars of a flow list or of a printed slice.
func (p *pass) hideList(f field) {
	s := p.s
	if f.at < p.listSeen {
		return
	}
	end := lineEndIn(s, f.at, 4096)
	for i, n := f.at+1, 0; i < end && n < 64; n++ {
		i = runEnd(s, i, func(c byte) bool { return isBlank(c) || c == ',' })
		if i >= end || s[i] == ']' || s[i] == '{' || strings.HasPrefix(s[i:], "map[") {
			return
		}
		item := f
		item.at, item.sep, item.tight = i, ' ', false
		ext := p.extentOf(item)
		p.judge(item, ext)
		i = max(ext.end, i+1)
		i = runEnd(s, i, func(c byte) bool { return isQuote(c) || c == '\\' })
		p.listSeen = i
	}
}
