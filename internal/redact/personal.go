package redact

import "strings"

// findEmail looks around the @ at i and returns where to go on.
func (p *pass) findEmail(i int) int {
	s := p.s
	if i == 0 || p.inHidden(i-1) {
		return i + 1
	}
	from := runStart(s, i, 64, func(c byte) bool { return isKeyByte(c) || c == '+' || c == '%' })
	from += escapeTail(s, from, i)
	from += runEnd(s[from:i], 0, func(c byte) bool { return c == '.' || c == '-' })
	end := runEnd(s, i+1, func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' })
	for end > i && (s[end-1] == '.' || s[end-1] == '-') {
		end--
	}
	if from == i || end <= i+3 || s[from:i] == "git" {
		return i + 1
	}
	labels := strings.Split(s[i+1:end], ".")
	if len(labels) < 2 {
		return i + 1
	}
	last, before := labels[len(labels)-1], labels[len(labels)-2]
	if len(last) < 2 || len(last) > 24 || !allBytes(last, isAlpha) || allBytes(before, isDigit) || isUnit(last) {
		return i + 1
	}
	p.hide("email", from, end)
	return end
}

// isUnit tells systemd's unit types from top-level domains.
func isUnit(s string) bool {
	switch s {
	case "service", "socket", "timer", "mount", "slice", "target", "scope", "path", "device", "swap", "js", "py", "jar", "tgz", "json":
		return true
	}
	return false
}

// findNumber looks for a card or phone number in the run at start.
func (p *pass) findNumber(start, end int) {
	s := p.s
	if start > 0 && (isAlnum(s[start-1]) || s[start-1] == '.' || s[start-1] == ':' && start > 1 && isDigit(s[start-2])) && !escaped(s, start) {
		return
	}
	if s[start] == '+' {
		p.findPhone(start)
		return
	}
	if n, digits := numberAt(s[start:min(len(s), start+32)]); isCard(digits) && (len(digits) < 19 || n > len(digits)) {
		p.hide("card", start, start+n)
		return
	}
	if n := runEnd(s, start, isDigit) - start; (n == 15 || n == 16) && start+n < len(s) && s[start+n] == '|' {
		if to := runEnd(s, start+n+1, wordBytes.has); to-start-n > 27 && to-start-n < 42 { // a Facebook application's id and secret
			p.hide("facebook-token", start, to)
			return
		}
	}
	if run := s[start:end]; matchesDigits(run, "ddd-ddd-dddd") {
		p.hide("phone", start, end)
	} else if start > 0 && s[start-1] == '(' && matchesDigits(s[start:min(len(s), start+13)], "ddd) ddd-dddd") {
		p.hide("phone", start-1, start+13)
	}
}

// numberAt reads digits with single blanks or dashes between them and returns
// the length read and the digits. Only first digits that cards have are read.
func numberAt(s string) (int, string) {
	if s[0] < '2' || s[0] > '6' {
		return 0, ""
	}
	var buf [32]byte
	digits, n := buf[:0], 0
	for i := 0; i < len(s); i++ {
		switch {
		case isDigit(s[i]):
			digits = append(digits, s[i])
			n = i + 1
		case (s[i] == ' ' || s[i] == '-') && i == n:
		case isAlpha(s[i]) && i == n, s[i] == '.' && i == n && i+1 < len(s) && isDigit(s[i+1]):
			return 0, ""
		default:
			i = len(s)
		}
	}
	if len(digits) < 14 {
		return 0, ""
	}
	return n, string(digits)
}

// isCard tells whether digits have a card's length, first digits and check
// digit. Time stamps in milli- and nanoseconds begin otherwise.
func isCard(digits string) bool {
	if len(digits) < 14 || len(digits) > 19 {
		return false
	}
	switch two := digits[:2]; {
	case two == "34" || two == "37":
		return len(digits) == 15 && luhn(digits)
	case two == "36" || two == "38" || two == "30":
		return len(digits) == 14 && luhn(digits)
	case two[0] == '4', two >= "51" && two <= "55", two >= "22" && two <= "27", two[0] == '6', two == "35":
		return (len(digits) == 16 || len(digits) == 19) && luhn(digits)
	}
	return false
}

func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 && strings.Trim(digits, digits[:1]) != ""
}

// findPhone reads an international number that begins with + at start.
func (p *pass) findPhone(start int) {
	s := p.s
	if start+1 >= len(s) || !isDigit(s[start+1]) || s[start+1] == '0' || start > 1 && s[start-1] == '=' && s[start-2] == 'm' {
		return
	}
	n, digits, separators := 0, 0, 0
	for i := start + 1; i < len(s) && i < start+28; i++ {
		if isDigit(s[i]) {
			digits++
			n = i + 1
		} else if strings.IndexByte(" -.()/", s[i]) < 0 || i-n > 1 {
			break
		} else {
			separators++
		}
	}
	if digits >= 10 && digits <= 15 || digits == 9 && separators > 1 {
		p.hide("phone", start, n)
	}
}

// matchesDigits compares s with a pattern in which d is a digit.
func matchesDigits(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		if pattern[i] == 'd' && !isDigit(s[i]) || pattern[i] != 'd' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

// findIBAN reads an account number, in one piece or in groups of four.
func (p *pass) findIBAN(start int) {
	s := p.s
	if start > 0 && isAlnum(s[start-1]) && !escaped(s, start) {
		return
	}
	var compact []byte
	end := start
	for i := start; i < len(s) && len(compact) < 34; i++ {
		if isUpper(s[i]) || isDigit(s[i]) {
			compact = append(compact, s[i])
			end = i + 1
		} else if s[i] != ' ' || len(compact)%4 != 0 {
			break
		}
		if len(compact) >= 15 && (i+1 == len(s) || !isAlnum(s[i+1])) && ibanValid(compact) {
			p.hide("iban", start, end)
			return
		}
	}
}

// ibanValid checks the remainder that ISO 13616 prescribes.
func ibanValid(compact []byte) bool {
	rest := 0
	for i := range compact {
		c := compact[(i+4)%len(compact)]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}
