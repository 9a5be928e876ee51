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
	if n >= minRun && !p.tick() && !p.inHidden(start) {
		p.findEncoded(start, end)
	}
}
