package redact

import "strings"

// findNational covers numbers by which states know people, where their form or
// a check digit tells them from other numbers: United States (SSN), United
// Kingdom (NINO), Spain (DNI, NIE), Italy (codice fiscale), Brazil (CPF).
func (p *pass) findNational(start, end int) bool {
	s := p.s
	if start > 0 && (isAlnum(s[start-1]) || s[start-1] == '.' || s[start-1] == '-') && !escaped(s, start) {
		return false
	}
	run := s[start:end]
	switch end - start {
	case 3:
		end = min(len(s), start+14)
		if !isCPF(s[start:end]) || end < len(s) && isAlnum(s[end]) {
			return false
		}
	case 9:
		if !isNINO(run) && !isDNI(run) {
			return false
		}
	case 11:
		if !matchesDigits(run, "ddd-dd-dddd") || run[0] == '9' || run[:3] == "000" || run[:3] == "666" || run[4:6] == "00" || run[7:] == "0000" {
			return false
		}
	case 16:
		if !isCodiceFiscale(run) {
			return false
		}
	default:
		return false
	}
	if !p.inHidden(start) {
		p.hide("national-id", start, end)
	}
	return true
}

func isNINO(s string) bool {
	return isUpper(s[0]) && isUpper(s[1]) && strings.IndexByte("DFIQUV", s[0]) < 0 && strings.IndexByte("DFIQUVO", s[1]) < 0 &&
		allBytes(s[2:8], isDigit) && s[8] >= 'A' && s[8] <= 'D'
}

// isDNI checks the letter, which is the number modulo 23.
func isDNI(s string) bool {
	n := 0
	for i := range 8 {
		c := s[i]
		if i == 0 && c >= 'X' && c <= 'Z' {
			c = c - 'X' + '0' // a foreigner's NIE
		}
		if !isDigit(c) {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return s[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[n%23]
}

// isCPF checks both check digits of 123.456.789-09.
func isCPF(s string) bool {
	if !matchesDigits(s, "ddd.ddd.ddd-dd") {
		return false
	}
	digits := strings.NewReplacer(".", "", "-", "").Replace(s)
	if strings.Trim(digits, digits[:1]) == "" {
		return false
	}
	for at := 9; at <= 10; at++ {
		sum := 0
		for i := range at {
			sum += int(digits[i]-'0') * (at + 1 - i)
		}
		if int(digits[at]-'0') != sum*10%11%10 {
			return false
		}
	}
	return true
}

// The values of a codice fiscale's characters in odd places, 0 to 9 and A to Z.
var fiscalOdd = [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

func isCodiceFiscale(s string) bool {
	const form = "AAAAAA99A99A999A"
	sum := 0
	for i := range s {
		if form[i] == '9' && !isDigit(s[i]) || form[i] == 'A' && !isUpper(s[i]) {
			return false
		}
		value := int(s[i] - '0')
		if isUpper(s[i]) {
			value = int(s[i] - 'A')
		}
		switch {
		case i == len(s)-1:
		case i%2 == 0: // the first place is odd
			sum += fiscalOdd[value]
		default:
			sum += value
		}
	}
	return int(s[15]-'A') == sum%26
}
