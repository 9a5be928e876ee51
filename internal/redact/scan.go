package redact

// What has no anchor is found by shape: one loop over runs of word bytes and
// the few signs between them.

// sign is what the shape scan does at a byte.
type sign uint8

const (
	other sign = iota
	inRun
	dot
	colon
	atSign
	percent
	bracket
)

func signTable() (t [256]sign) {
	for c := range 256 {
		if isWordByte(byte(c)) && c != '=' {
			t[c] = inRun
		}
	}
	t['.'], t[':'], t['@'], t['%'], t[openMark[0]] = dot, colon, atSign, percent, bracket
	return t
}

// minRun is the length from which a run may be an encoding or a random value.
const minRun = 16

func (p *pass) scanShapes() {
	s, signs := p.s, &p.e.signs
	from := 0 // start of the last run
	for i := 0; i < len(s); {
		switch signs[s[i]] {
		case inRun:
			from = i
			for i < len(s) && signs[s[i]] == inRun {
				i++
			}
			p.lookAtRun(from, i)
			continue
		case dot:
			if i > from && isDigit(s[i-1]) && i+1 < len(s) && isDigit(s[i+1]) {
				if d := runStart(s, i, 4, isDigit); i-d <= 3 {
					i = max(p.findIPv4(d), i+1)
					from = i
					continue
				}
			}
		case colon:
			p.findHostPort(i)
			i = max(p.findColons(from, i), i+1)
			from = i
			continue
		case atSign:
			i = max(p.findEmail(i), i+1)
			from = i
			continue
		case percent:
			if i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) && !p.inHidden(i) {
				i = max(p.findPercent(i), i+1)
				from = i
				continue
			}
		case bracket:
			i += p.skip(i)
		case other:
		}
		i++
		from = i
		if p.late {
			return
		}
	}
}

// lookAtRun hands a run to those who may know it.
func (p *pass) lookAtRun(start, end int) {
	n := end - start
	c := p.s[start]
	if (n == 9 || n == 11 || n == 16 || n == 3 && end < len(p.s) && p.s[end] == '.') && p.findNational(start, end) {
		return
	}
	switch {
	case isDigit(c) || c == '+':
		if n >= 12 || c == '+' || end < len(p.s) && (p.s[end] == ' ' || p.s[end] == ')') {
			p.findNumber(start, end)
		}
	case isUpper(c) && n >= 4 && isUpper(p.s[start+1]) && isDigit(p.s[start+2]) && isDigit(p.s[start+3]):
		p.findIBAN(start)
	}
	if n == 17 && p.s[start+2] == '-' {
		p.findDashedMAC(start, end)
	}
	if n >= minRun && !p.tick() && !p.inHidden(start) && !p.findDotted(start, end) {
		p.findEncoded(start, end)
	}
}

// findDotted covers the tokens that only their dots mark: s. of an old Vault, a
// Discord bot's three parts, a JSON web token whose header begins with a blank.
func (p *pass) findDotted(start, end int) bool {
	s, n := p.s, end-start
	if n == 24 && start >= 2 && s[start-1] == '.' && s[start-2] == 's' && (start == 2 || !isAlnum(s[start-3]) || escaped(s, start-2)) {
		if m := mixOf(s[start:end]); m.other == 0 && (m.digit > 0 && m.upper+m.lower > 3 || m.upper > 3 && m.lower > 3) {
			p.hide("vault-token", start-2, end)
			return true
		}
	}
	if end+2 >= len(s) || s[end] != '.' {
		return false
	}
	second := runEnd(s, end+1, isWordByte)
	if n >= 18 && s[start] == 'e' && s[start+1] == 'y' && s[end+1] == 'e' && s[end+2] == 'y' && second-end > 18 {
		to := runEnd(s, second, func(c byte) bool { return isWordByte(c) || c == '.' })
		p.hide("jwt", start, to)
		return true
	}
	if n >= 23 && n <= 28 && (s[start] == 'M' || s[start] == 'N' || s[start] == 'O') && second-end == 7 && second < len(s) && s[second] == '.' {
		if third := runEnd(s, second+1, isWordByte); third-second > 27 && third-second < 42 {
			p.hide("discord-bot-token", start, third)
			return true
		}
	}
	return false
}
