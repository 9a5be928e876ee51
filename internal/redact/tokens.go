package redact

import "strings"

// token is one row of facts about a provider's credentials.
type token struct {
	kind     string
	prefix   string // as issued; matched with its case
	alphabet alphabet
	min, max int  // length of what follows; max 0 means any length
	mixed    bool // the prefix is short: what follows must look random
	loose    bool // the prefix is short, but the length is exact: no plain word
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
	digitBytes                  // decimal digits
	eqwordBytes                 // word and =
	eqdotBytes                  // dotted and =
	colonBytes                  // word and colons
	uuidBytes                   // hex digits and -, in the form of a UUID
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
	case digitBytes:
		return isDigit(c)
	case eqwordBytes:
		return isAlnum(c) || c == '_' || c == '-' || c == '='
	case eqdotBytes:
		return isAlnum(c) || c == '_' || c == '-' || c == '.' || c == '='
	case colonBytes:
		return isAlnum(c) || c == '_' || c == '-' || c == ':'
	case uuidBytes:
		return isHex(c) || c == '-'
	case wordBytes:
	}
	return isAlnum(c) || c == '_' || c == '-'
}

// findToken compares the row that the anchor belongs to.
func (p *pass) findToken(id, start, end int) {
	t, s := p.e.tokens[id], p.s
	if s[start:end] != t.prefix && (len(t.prefix) < 5 || !strings.EqualFold(s[start:end], t.prefix)) || p.inOther(start) {
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
	switch m := mixOf(s[end:to]); {
	case t.mixed && (m.digit < 2 || m.upper+m.lower < 2 || m.upper == 0 && strings.Count(s[end:to], "-") > 2):
		return
	case t.loose && m.digit == 0 && (m.upper < 2 || m.lower < 2):
		return
	}
	p.hide(t.kind, start, to)
}

// middle is one row of facts about credentials that are marked in their
// middle or at their end.
type middle struct {
	kind, mark    string
	alphabet      alphabet
	before, after int // least number of bytes on either side
}

// middles are public facts from the providers' documentation.
var middles = []middle{
	{"azure-key", "JQQJ99", plainBytes, 40, 20},
	{"azure-key", "+ASt", base64Bytes, 60, 4},
	{"azure-key", "+ABa", base64Bytes, 60, 4},
	{"azure-key", "+AEh", base64Bytes, 30, 4},
	{"azure-key", "+ASb", base64Bytes, 30, 4},
	{"azure-key", "+ARm", base64Bytes, 30, 4},
	{"azure-key", "+ACR", base64Bytes, 30, 4},
	{"azure-key", "+AMC", base64Bytes, 30, 4},
	{"azure-key", "AIoT", base64Bytes, 30, 4},
	{"azure-key", "AzCa", base64Bytes, 30, 4},
	{"azure-key", "AzSe", base64Bytes, 30, 4},
	{"azure-key", "AzFu", base64Bytes, 30, 4},
	{"azure-key", "ACDb", base64Bytes, 60, 4},
	{"openai-key", "T3BlbkFJ", wordBytes, 20, 20},
	{"terraform-token", ".atlasv1.", eqwordBytes, 14, 55},
	{"authress-key", ".acc-", eqdotBytes, 10, 40},
	{"authress-key", ".acc_", eqdotBytes, 10, 40},
	{"maxmind-key", "_mmk", wordBytes, 36, 0},
	{"firebase-token", ":APA91b", wordBytes, 8, 100},
}

// findMiddle compares the row that the anchor belongs to, by its mark.
func (p *pass) findMiddle(_, start, end int) {
	s := p.s
	for _, row := range middles {
		if s[start:end] != row.mark || p.inOther(start) {
			continue
		}
		from := runStart(s, start, maxToken, row.alphabet.has)
		to := runEnd(s[:min(len(s), end+maxToken)], end, row.alphabet.has)
		if start-from >= row.before && to-end >= row.after {
			p.hide(row.kind, from, to)
		}
		return
	}
}

// maxToken bounds the bytes of a credential on either side of its mark.
const maxToken = 512

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
