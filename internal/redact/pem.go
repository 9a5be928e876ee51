package redact

import (
	"strings"
)

// maxPEM bounds the bytes of one block, prefixes of log lines included.
const maxPEM = 64 << 10

// findPEM hides a PEM block from its first dashes to its last, whatever each
// line begins with: time stamps of a log, indentation, \n of a JSON string.
// A block without an end reaches as far as lines look like one.
func (p *pass) findPEM(_, start, end int) {
	if p.inHidden(start) {
		return
	}
	s := p.s
	label := s[end:min(len(s), end+64)]
	dash := strings.Index(label, "-----")
	if dash < 0 {
		dash = runEnd(label, 0, func(c byte) bool { return isUpper(c) || c == ' ' })
	}
	label = label[:dash]
	kind := "pem"
	switch {
	case strings.Contains(label, "PRIVATE"):
		kind = "private-key"
	case strings.Contains(label, "CERTIFICATE"):
		kind = "certificate"
	}
	window := s[end:min(len(s), end+maxPEM)]
	close := "-----END " + label
	if i := strings.Index(window, close); i >= 0 {
		stop := runEnd(s, end+i+len(close), func(c byte) bool { return c == '-' })
		p.hide(kind, start, stop)
		return
	}
	p.hide(kind, start, p.openPEM(end+dash))
}

// openPEM returns where the lines of a block without end cease to look like it.
func (p *pass) openPEM(i int) int {
	s := p.s
	end := lineEnd(s, i)
	if q := p.escapedPEM(i, end); q < end {
		return q
	}
	for end < len(s) && end-i < maxPEM {
		next := lineEnd(s, end+1)
		line := strings.TrimRight(s[end+1:next], " \t\"',")
		from := runStart(line, len(line), 80, isWordByte)
		if len(line)-from < 16 && !strings.Contains(line, ": ") && line != "" {
			break
		}
		if len(line)-from < 16 && line != "" && !strings.HasPrefix(line, "Proc-Type") && !strings.HasPrefix(line, "DEK-Info") {
			break
		}
		end = next
	}
	return end
}

// escapedPEM ends a block inside a JSON string at the string's quote.
func (p *pass) escapedPEM(i, end int) int {
	for k := i; k < end; k++ {
		if isQuote(p.s[k]) {
			return k
		}
	}
	return end
}

// findJWT covers JSON web tokens and other base64 of a JSON object, whole or
// cut short.
func (p *pass) findJWT(_, start, end int) {
	s := p.s
	if s[start] != 'e' || s[start+1] != 'y' || s[start+2] != 'J' || p.inOther(start) {
		return
	}
	if start > 0 && (isAlnum(s[start-1]) || s[start-1] == '+') && escapeTail(s, start-1, start) == 0 && !escaped(s, start) {
		return
	}
	to := runEnd(s, end, func(c byte) bool { return isWordByte(c) || c == '.' })
	to = runStart(s, to, to-end, func(c byte) bool { return c == '.' })
	kind := "base64"
	if strings.Contains(s[start:to], ".") {
		kind = "jwt"
	}
	if to-start >= 16 {
		p.hide(kind, start, to)
	}
}

// escaped tells whether the byte before i belongs to an escape: \n, %3D, \u003d.
func escaped(s string, i int) bool {
	return i >= 2 && s[i-2] == '\\' && (s[i-1] == 'n' || s[i-1] == 't' || s[i-1] == 'r') ||
		i >= 3 && s[i-3] == '%' && isHex(s[i-2]) && isHex(s[i-1]) ||
		i >= 6 && s[i-6] == '\\' && s[i-5] == 'u'
}
