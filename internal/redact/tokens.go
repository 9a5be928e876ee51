package redact

import "strings"

// token is one row of facts about a provider's credentials.
type token struct {
	kind     string
	prefix   string // as issued; matched with its case
	alphabet alphabet
	min, max int  // length of what follows; max 0 means any length
	mixed    bool // the prefix is short: what follows must look random
}

type alphabet int

const (
	wordBytes   alphabet = iota // letters, digits, _ and -
	plainBytes                  // letters and digits
	upperBytes                  // capitals and digits
	hexaBytes                   // hex digits
	base64Bytes                 // base64 of either kind
	dottedBytes                 // word and dots
	pathyBytes                  // what a URL's path may have
	cryptBytes                  // what a password hash of crypt(3) may have
)

func (a alphabet) has(c byte) bool {
	switch a {
	case plainBytes:
		return isAlnum(c)
	case upperBytes:
		return isUpper(c) || isDigit(c)
	case hexaBytes:
		return isHex(c)
	case base64Bytes:
		return isWordByte(c)
	case dottedBytes:
		return isAlnum(c) || c == '_' || c == '-' || c == '.'
	case pathyBytes:
		return isWordByte(c) || c == '.' || c == '@' || c == '%' || c == '~'
	case cryptBytes:
		return isWordByte(c) || c == '.' || c == '$' || c == ','
	case wordBytes:
	}
	return isAlnum(c) || c == '_' || c == '-'
}

// findToken compares the row that the anchor belongs to.
func (p *pass) findToken(id, start, end int) {
	t, s := p.e.tokens[id], p.s
	if s[start:end] != t.prefix || p.inOther(start) {
		return
	}
	if start > 0 && isAlnum(s[start-1]) && isAlnum(t.prefix[0]) && !escaped(s, start) {
		return
	}
	to := runEnd(s, end, t.alphabet.has)
	for to > end && (s[to-1] == '.' || s[to-1] == '-' && t.max == 0) {
		to--
	}
	n := to - end
	if n < t.min || t.max > 0 && n > t.max || t.max > 0 && to < len(s) && isAlnum(s[to]) {
		return
	}
	if t.mixed {
		if m := mixOf(s[end:to]); m.digit < 2 || m.upper+m.lower < 2 || m.upper == 0 && strings.Count(s[end:to], "-") > 2 {
			return
		}
	}
	p.hide(t.kind, start, to)
}

// findTelegram covers a bot's token: its number, a colon, 35 characters.
func (p *pass) findTelegram(_, start, end int) {
	from := runStart(p.s, start, 12, isDigit)
	to := runEnd(p.s[:min(len(p.s), end+40)], end, wordBytes.has)
	if start-from >= 8 && start-from <= 10 && to-end == 33 && !p.inHidden(start) {
		p.hide("telegram-token", from, to)
	}
}

// findAzure covers a client secret of Entra ID: three characters, a digit, Q~
// and 34 more.
func (p *pass) findAzure(_, start, end int) {
	inside := func(c byte) bool { return isAlnum(c) || strings.IndexByte("_-.~", c) >= 0 }
	from := runStart(p.s, start, 5, inside)
	to := runEnd(p.s[:min(len(p.s), end+40)], end, inside)
	if start-from == 4 && isDigit(p.s[start-1]) && to-end >= 30 && to-end <= 36 && !p.inHidden(start) {
		p.hide("azure-secret", from, to)
	}
}
