package redact

import "strings"

// separator finds what stands between name and value and fills in the rest of
// the field; without any there is no field.
func (p *pass) separator(f *field) bool {
	s, i := p.s, f.end
	if f.start > 0 && s[f.start-1] == '<' && i < len(s) && s[i] == '>' {
		f.sep, f.at = '>', i+1
		return true
	}
	j := runEnd(s, i, func(c byte) bool { return c == '\\' })
	if j < len(s) && isQuote(s[j]) {
		f.keyQuote = s[i : j+1]
		i = j + 1
		if i < len(s) && s[i] == ']' {
			i++
		}
	} else if hasFold(s[i:], "%22") {
		i += 3
	}
	afterName := i
	i = runEnd(s, i, isBlank)
	if n, sep := separatorAt(s[i:]); n > 0 {
		if sep == ':' && f.keyQuote != "" && i > afterName && !startsQuoted(s[runEnd(s, i+n, isBlank):]) {
			return false // volume "db-secret" : secret "x" not found
		}
		if i == afterName && strings.HasPrefix(s[i:], "->") {
			return false // a member in C++ or PHP
		}
		f.sep = sep
		f.at = runEnd(s, i+n, isBlank)
		if s[i] == '%' {
			f.at = encodedLead(s, i+n)
		}
		f.tight = f.at == i+n
		if sep == '=' && i == afterName && !f.tight && nextField(s[f.at:], '=') {
			return false // password= token=
		}
		// "password=" with the name inside the quotes has no value.
		return !(f.tight && f.keyQuote == "" && f.at < len(s) && isQuote(s[f.at]) && f.start > 0 && s[f.start-1] == s[f.at])
	}
	return p.looseSeparator(f, afterName, i)
}

// encodedLead skips what URL-encoding makes of blanks, quotes and the > of =>.
func encodedLead(s string, i int) int {
	for i < len(s) {
		switch {
		case s[i] == '+':
			i++
		case hasFold(s[i:], "%20"), hasFold(s[i:], "%22"), hasFold(s[i:], "%27"), hasFold(s[i:], "%3e"):
			i += 3
		default:
			return i
		}
	}
	return i
}

// separatorAt returns the length and the class of the separator s begins with.
func separatorAt(s string) (int, byte) {
	switch {
	case s == "":
		return 0, 0
	case s[0] == '=':
		return runEnd(s, 0, func(c byte) bool { return c == '=' || c == '>' || c == '~' }), '='
	case strings.HasPrefix(s, "::"):
		return 0, 0
	case strings.HasPrefix(s, ":="), strings.HasPrefix(s, "->"):
		return 2, '='
	case s[0] == ':':
		return 1, ':'
	case hasFold(s, "%3d"):
		return 3, '='
	case hasFold(s, "%3a"):
		return 3, ':'
	case hasFold(s, `\u003d`):
		return 6, '='
	}
	return 0, 0
}

// looseSeparator covers flags, SQL's PASSWORD 'x', and {name, value} pairs.
func (p *pass) looseSeparator(f *field, afterName, i int) bool {
	s := p.s
	if window := s[f.end:min(len(s), f.end+80)]; f.weight == telling && strings.Contains(window, "alue") {
		if m := p.e.shapes.pair.FindStringIndex(window); m != nil {
			f.sep, f.at, f.tight = 'v', f.end+m[1], true
			return true
		}
	}
	if f.flag && f.weight <= hinting && flagBefore(s, f.start) {
		j := runEnd(s, afterName, func(c byte) bool { return isBlank(c) || c == ',' || c == '\n' })
		if j < len(s) && j > afterName && s[j] == '-' && strings.Contains(s[afterName:j], "\n") {
			j = runEnd(s, j+1, isBlank) // the next item of a YAML list
		}
		if j > afterName && j < len(s) && s[j] != '-' {
			f.sep, f.at = ' ', j
			return true
		}
		return false
	}
	if f.weight != telling || f.keyQuote != "" || i == afterName || i >= len(s) {
		return false
	}
	if f.kind == "password" && startsQuoted(s[i:]) || p.isDirective(f) {
		f.sep, f.at = ' ', i
		return true
	}
	if at := p.looseValue(f.end); at > 0 {
		f.sep, f.at = ' ', at
		f.spoken = true
		return true
	}
	if m := p.e.shapes.sentence.FindStringIndex(s[f.end:lineEndIn(s, f.end, 160)]); m != nil {
		f.sep, f.at = ' ', f.end+m[1]
		f.spoken = !strings.HasSuffix(s[:f.at], ": ")
		return true
	}
	return false
}

// isDirective covers names whose value follows after a blank: redis.conf and
// netrc.
func (p *pass) isDirective(f *field) bool {
	before := strings.TrimSpace(p.s[lineStart(p.s, f.start):f.start])
	switch strings.ToLower(f.name) {
	case "requirepass", "masterauth":
		return before == ""
	case "password":
		return strings.Contains(before, "machine ") || strings.HasPrefix(before, "login ") || strings.HasPrefix(before, "default login ")
	}
	return false
}

// flagBefore tells whether the dashes before a name begin an argument.
func flagBefore(s string, i int) bool {
	for i > 0 && s[i-1] == '-' {
		i--
	}
	return i == 0 || isSpace(s[i-1]) || isQuote(s[i-1]) || strings.IndexByte("[,(=", s[i-1]) >= 0
}

// reversedPair covers pairs whose value comes first.
func (p *pass) reversedPair(f field) {
	if f.weight != telling || !isNamed(p.s, f.start) {
		return
	}
	from := max(0, f.start-400)
	window := p.s[from:f.start]
	if !strings.Contains(window, "alue") {
		return
	}
	if m := p.e.shapes.reversed.FindStringSubmatchIndex(window); m != nil {
		if value := window[m[4]:m[5]]; !p.e.shapes.survives(value, m[3] > m[2]) {
			p.hide(f.kind, from+m[4], from+m[5])
		}
	}
}

// isNamed tells whether what begins at i is the value of a "name" or a "key".
func isNamed(s string, i int) bool {
	quotes := func(c byte) bool { return isQuote(c) || c == '\\' }
	i = runStart(s, i, 8, quotes)
	i = runStart(s, i, 8, isBlank)
	if i == 0 || s[i-1] != ':' && s[i-1] != '=' {
		return false
	}
	i = runStart(s, i-1, 2, isBlank)
	i = runStart(s, i, 8, quotes)
	return hasSuffixFold(s[:i], "name") || hasSuffixFold(s[:i], "key")
}

// looseValue returns where a value begins that only blanks, a bar or an arrow
// part from its name, or 0. It must look like a password: prose follows names
// in the same way.
func (p *pass) looseValue(i int) int {
	s := p.s
	at := runEnd(s, i, func(c byte) bool { return isBlank(c) || c == '|' || c == '-' || c == '>' })
	if at == i || at-i > 40 || at >= len(s) || !isBlank(s[at-1]) {
		return 0
	}
	word := s[at : at+runEnd(s[at:min(len(s), at+64)], 0, func(c byte) bool { return c > ' ' && c < 0x7f && !isQuote(c) })]
	m := mixOf(strings.TrimRight(word, ".,;:)"))
	if len(word) < 8 || m.digit == 0 || m.upper == 0 || m.lower == 0 || strings.ContainsAny(word, "/\\(=[") || strings.Contains(word, ".") {
		return 0
	}
	return at
}

func startsQuoted(s string) bool {
	i := runEnd(s, 0, func(c byte) bool { return c == '\\' })
	return i < len(s) && isQuote(s[i])
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
