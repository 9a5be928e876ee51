package loglines

import (
	"regexp"
	"strings"

	"github.com/countersign-dev/countersign/internal/redact"
)

// faulted finds fault with a value that stands near it.
var faulted = regexp.MustCompile(`(?i)\b(?:invalid|unknown|unsupported|unrecogni[sz]ed|illegal|malformed|wrong|bad|must be|expected|not (?:a )?valid|not allowed|not (?:a )?number|out of range|cannot parse|could not parse|can't parse|does not exist|not set|unset|empty)\b`)

// near is how many bytes may lie between a value and the words about it.
const near = 40

// FindsFaultWith reports whether a line finds fault with word.
func FindsFaultWith(line, word string) bool {
	at := WordAt(line, word)
	if at < 0 {
		return false
	}
	for _, m := range faulted.FindAllStringIndex(line, 8) {
		if m[0]-(at+len(word)) <= near && at-m[1] <= near {
			return true
		}
	}
	return false
}

// LastFault is the last line that finds fault with something; -1 if there is
// none.
func LastFault(lines []redact.Text) int {
	for n := len(lines) - 1; n >= 0; n-- {
		raw := lines[n].String()
		switch {
		case isMild(raw) || continues(raw) || closes(spoken(raw)):
		case fails(raw) || faulted.MatchString(raw):
			return n
		}
	}
	return -1
}

// WordAt is where a line holds word, and not as a part of a longer one; -1 if
// it does not.
func WordAt(line, word string) int {
	part := func(c byte) bool {
		return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
	for from := 0; word != ""; {
		i := strings.Index(line[from:], word)
		if i < 0 {
			return -1
		}
		i += from
		end := i + len(word)
		if (i == 0 || !part(line[i-1])) && (end == len(line) || !part(line[end])) {
			return i
		}
		from = i + 1
	}
	return -1
}
