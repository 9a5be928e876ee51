package redact

import "strings"

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isAlpha(c byte) bool { return isLower(c) || isUpper(c) }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= fold(c) && fold(c) <= 'f' }
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }
func isBlank(c byte) bool { return c == ' ' || c == '\t' }
func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// isKeyByte tells whether c can stand in a field's name.
func isKeyByte(c byte) bool { return isAlnum(c) || c == '_' || c == '-' || c == '.' }

// isWordByte tells whether c can stand in a base64, hex or token run.
func isWordByte(c byte) bool {
	return isAlnum(c) || c == '+' || c == '/' || c == '_' || c == '-' || c == '='
}

func allBytes(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isLowerHex(s string) bool {
	return allBytes(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
}

// runEnd returns the end of the run of bytes from i that satisfy ok.
func runEnd(s string, i int, ok func(byte) bool) int {
	for i < len(s) && ok(s[i]) {
		i++
	}
	return i
}

// runStart returns the start of the run of at most limit bytes before i that
// satisfy ok.
func runStart(s string, i, limit int, ok func(byte) bool) int {
	for n := 0; i > 0 && n < limit && ok(s[i-1]); n++ {
		i--
	}
	return i
}

// maxBack and maxAhead bound the bytes in which the edges of a line are looked
// for, so that one long line does not cost the square of its length.
const (
	maxBack  = 256
	maxAhead = DefaultMaxLine
)

// lineStart returns the start of the line, or the furthest byte looked at.
func lineStart(s string, i int) int {
	return runStart(s, i, maxBack, func(c byte) bool { return c != '\n' })
}

// startsLine tells whether i is the start of a line.
func startsLine(s string, i int) bool { return i == 0 || s[i-1] == '\n' }

// lineEnd returns the end of the line, or the furthest byte looked at.
func lineEnd(s string, i int) int { return lineEndIn(s, i, maxAhead) }

func lineEndIn(s string, i, limit int) int {
	if i >= len(s) {
		return len(s)
	}
	window := s[i:min(len(s), i+limit)]
	if n := strings.IndexByte(window, '\n'); n >= 0 {
		return i + n
	}
	return i + len(window)
}

// mix counts the classes of a string: what a random value has and a word lacks.
type mix struct{ upper, lower, digit, other int }

func mixOf(s string) mix {
	var m mix
	for i := range len(s) {
		switch c := s[i]; {
		case isUpper(c):
			m.upper++
		case isLower(c):
			m.lower++
		case isDigit(c):
			m.digit++
		default:
			m.other++
		}
	}
	return m
}
