package redact

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Text is text from the cluster, a person or a model that has passed a
// Redactor. Only this package can make one with content, and every Text is a
// fixed point of the built-in patterns: redacting it again, as decoding does,
// changes nothing. The zero value is empty.
type Text struct{ s string }

// Arg is what Sprintf accepts: a Text and nothing else.
type Arg = Text

// literal is unexported, so that callers can only reach it with an untyped
// constant: a string variable does not convert and fails to compile.
type literal string

// Literal makes a Text from a constant of the program itself. The patterns see
// it all the same, so that decoding changes nothing: write "Secret shop/db",
// not "secret: db", which reads like a field with its value.
func Literal(s literal) Text { return settle(string(s)) }

// Join puts sep between the parts.
func Join(sep literal, parts ...Text) Text {
	return settle(strings.Join(stringsOf(parts), string(sep)))
}

// Sprintf formats like fmt.Sprintf. The verbs are %s, %v and %q, because every
// argument is a Text.
func Sprintf(format literal, args ...Arg) Text {
	values := make([]any, len(args))
	for i, a := range args {
		values[i] = a.s
	}
	return settle(fmt.Sprintf(string(format), values...))
}

// Int is a number in decimal.
func Int(n int64) Text { return Text{strconv.FormatInt(n, 10)} }

// Duration is a duration as Go writes it, for example 1m30s.
func Duration(d time.Duration) Text { return Text{d.String()} }

// Time is an instant in UTC, RFC 3339 with seconds.
func Time(t time.Time) Text { return Text{t.UTC().Format(time.RFC3339)} }

// String returns the redacted text.
func (t Text) String() string { return t.s }

// IsEmpty tells whether there is no text at all.
func (t Text) IsEmpty() bool { return t.s == "" }

// Lines splits at newlines; a final newline adds no empty line.
func (t Text) Lines() []Text {
	if t.s == "" {
		return nil
	}
	raw := strings.Split(strings.TrimSuffix(t.s, "\n"), "\n")
	lines := make([]Text, len(raw))
	for i, s := range raw {
		lines[i] = settle(s)
	}
	return lines
}

// Truncate cuts the text to at most maxRunes runes, the closing … included.
// It never cuts inside a placeholder: one that does not fit goes as a whole.
func (t Text) Truncate(maxRunes int) Text {
	if len(t.s) <= maxRunes || utf8.RuneCountInString(t.s) <= maxRunes {
		return t
	}
	for keep := maxRunes - 1; keep >= 0; keep-- {
		cut := byteOfRune(t.s, keep)
		if open := strings.LastIndex(t.s[:cut], openMark); open >= 0 {
			if n := builtin().placeholderAt(t.s[open:]); n > 0 && open+n > cut {
				cut = open
			}
		}
		short := settle(t.s[:cut] + "…")
		if n := utf8.RuneCountInString(short.s); n <= maxRunes {
			return short
		} else if n-maxRunes > 1 { // what was cut looked like a secret and became longer
			keep = min(keep, keep-(n-maxRunes)+1)
		}
	}
	return Text{}
}

// byteOfRune returns the offset of the nth rune of s.
func byteOfRune(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

func stringsOf(parts []Text) []string {
	s := make([]string, len(parts))
	for i, p := range parts {
		s[i] = p.s
	}
	return s
}

// MarshalText gives the redacted text, for map keys and text formats.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

// UnmarshalText redacts what it reads, so that nothing unsanitized enters by
// decoding.
func (t *Text) UnmarshalText(b []byte) error {
	*t = settle(string(b))
	return nil
}

// MarshalJSON writes a JSON string.
func (t Text) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(t.s)
	if err != nil {
		return nil, fmt.Errorf("encode redacted text: %w", err)
	}
	return b, nil
}

// UnmarshalJSON reads a JSON string and redacts it.
func (t *Text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("decode redacted text: %w", err)
	}
	*t = settle(s)
	return nil
}
