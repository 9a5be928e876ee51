package redact

import "strings"

// field is a named value in any carrier: KEY=value, key: value, JSON, YAML, a
// Go struct, XML, a flag, or a {name, value} pair.
type field struct {
	name       string
	start, end int // of the name
	flag       bool
	spoken     bool   // "the password is …": any plain word stays
	sep        byte   // '=', ':', '>' of XML, ' ' of a flag or SQL, 'v' of a pair
	tight      bool   // nothing between separator and value
	keyQuote   string // the quote that closes the name, with its backslashes
	at         int    // where the value begins
	weight     weight
	kind       string
}

// maxName bounds the bytes of a field's name on either side of its anchor.
const maxName = 96

func (p *pass) findField(_, start, end int) {
	if end <= p.keyEnd || p.inHidden(start) {
		return
	}
	f := p.fieldAt(start, end)
	if !p.mayHaveValue(f) {
		return
	}
	p.weigh(&f)
	if f.weight == 0 {
		return
	}
	if !p.separator(&f) {
		p.reversedPair(f)
		return
	}
	if p.isNoField(f) {
		return
	}
	p.hideValue(f)
}

// fieldAt reads the whole name around an anchor.
func (p *pass) fieldAt(start, end int) field {
	from := runStart(p.s, start, maxName, isKeyByte)
	to := min(runEnd(p.s, end, isKeyByte), end+maxName)
	p.keyEnd = to
	from += escapeTail(p.s, from, start)
	f := field{end: to}
	dashes := 0
	for from < start && (p.s[from] == '-' || p.s[from] == '.') {
		dashes++
		f.flag = f.flag || p.s[from] == '-'
		from++
	}
	if f.flag && dashes == 1 && from < start && p.s[from] == 'D' {
		from++ // a Java property
	}
	for f.end > end && (p.s[f.end-1] == '.' || p.s[f.end-1] == '-') {
		f.end--
	}
	f.start, f.name = from, p.s[from:f.end]
	return f
}

// mayHaveValue is the cheap look that spares most words of plain prose: a
// value needs a separator, a quote, a dash or a pair nearby.
func (p *pass) mayHaveValue(f field) bool {
	s := p.s
	i := runEnd(s, f.end, func(c byte) bool { return isBlank(c) || isQuote(c) || c == '\\' || c == ']' })
	if f.flag || i > f.end && isQuote(s[i-1]) {
		return true
	}
	if i < len(s) && (s[i] == '=' || s[i] == ':' || s[i] == '%' || s[i] == '>' || s[i] == '-' && i > f.end || i > f.end && s[i] == '\\') {
		return true
	}
	if p.looseValue(f.end) > 0 {
		return true
	}
	near := s[max(0, f.start-24):min(len(s), f.end+48)]
	return strings.Contains(near, "alue") || strings.Contains(near, " is") || strings.Contains(near, " for ") ||
		strings.Contains(near, "login") || strings.HasSuffix(f.name, "requirepass") || strings.HasSuffix(f.name, "masterauth")
}

func (p *pass) weigh(f *field) {
	f.weight, f.kind = p.e.vocab.weigh(f.name)
	if f.weight == hinting && strings.EqualFold(f.name, "key") && p.afterWord(f.start, p.e.vocab.beforeKey) && !p.afterWord(f.start, p.e.vocab.notKey) {
		f.weight = telling
	}
	if f.weight == coding && strings.EqualFold(f.name, "code") && p.afterWord(f.start, p.e.vocab.oneTime) {
		f.weight = telling
	}
}

// escapeTail returns how many bytes at the start of a name belong to an escape
// such as \n, \u0026 or %26 before it.
func escapeTail(s string, from, limit int) int {
	if from == 0 || from >= limit {
		return 0
	}
	rest := s[from:limit]
	switch {
	case s[from-1] == '\\' && len(rest) >= 5 && rest[0] == 'u' && isHex(rest[1]) && isHex(rest[2]) && isHex(rest[3]) && isHex(rest[4]):
		return 5
	case s[from-1] == '\\' && (rest[0] == 'n' || rest[0] == 't' || rest[0] == 'r'):
		return 1
	case s[from-1] == '%' && len(rest) >= 2 && isHex(rest[0]) && isHex(rest[1]):
		return 2
	}
	return 0
}

// afterWord tells whether the word before i, on the same line, is in the set.
func (p *pass) afterWord(i int, set map[string]bool) bool {
	if i == 0 || p.s[i-1] != ' ' {
		return false
	}
	from := runStart(p.s, i-1, 24, isAlnum)
	return set[strings.ToLower(p.s[from:i-1])]
}

// isNoField tells apart what only looks like a field: the tag of an image, the
// end of a path, a host with a port, a generated object name before a colon.
func (p *pass) isNoField(f field) bool {
	if f.sep != ':' || f.keyQuote != "" {
		return false
	}
	if f.start > 0 && p.s[f.start-1] == '/' {
		return true
	}
	rest := p.s[f.at:min(len(p.s), f.at+64)]
	word := rest[:runEnd(rest, 0, func(c byte) bool { return isAlnum(c) || c == '.' || c == '-' || c == '_' })]
	if f.tight && p.e.shapes.version.MatchString(word) {
		return true
	}
	if i := strings.LastIndexByte(f.name, '.'); i > 0 && f.tight && word != "" && len(word) <= 5 && allBytes(word, isDigit) {
		if w, _ := p.e.vocab.weigh(f.name[i+1:]); w == 0 {
			return true
		}
	}
	if i := strings.LastIndexByte(f.name, '-'); i > 0 {
		m := mixOf(f.name[i+1:])
		return m.digit > 0 && m.lower > 0 && m.upper == 0 && m.digit+m.lower >= 5
	}
	return false
}
