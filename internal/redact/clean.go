package redact

import (
	"strings"
	"unicode/utf8"
)

// clean removes what could hide a secret from the patterns or mislead a
// reader: ANSI sequences, control, zero-width and bidirectional characters,
// invalid UTF-8, and brackets that look like ours and are not. Carriage
// returns end a line. The text is returned as it is, without a copy, where
// there is nothing to remove.
func (e *engine) clean(s string) string {
	i := e.firstDirty(s)
	if i == len(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:i])
	for i < len(s) {
		if n := e.placeholderAt(s[i:]); n > 0 {
			b.WriteString(s[i : i+n])
			i += n
			continue
		}
		if n := ansiAt(s[i:]); n > 0 {
			i += n
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		b.WriteString(cleanRune(c, s[i:i+n], i+n < len(s) && s[i+n] == '\n'))
		i += n
	}
	return b.String()
}

func (e *engine) firstDirty(s string) int {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			return i
		}
		if n := e.placeholderAt(s[i:]); n > 0 {
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || isInvisible(r) || r == '⟨' || r == '⟩' {
			return i
		}
		i += n
	}
	return len(s)
}

// cleanRune returns what stands for c, whose bytes are raw.
func cleanRune(c rune, raw string, beforeNewline bool) string {
	switch {
	case c == '\r' && !beforeNewline:
		return "\n"
	case c == '\n' || c == '\t':
		return raw
	case c < ' ' || c == 0x7f || isInvisible(c):
		return ""
	case c == utf8.RuneError:
		return "\uFFFD"
	case c == '⟨':
		return "‹"
	case c == '⟩':
		return "›"
	}
	return raw
}

// isInvisible covers C1 controls, zero-width and bidirectional format
// characters, variation selectors, tags and line separators.
func isInvisible(r rune) bool {
	switch {
	case r >= 0x80 && r <= 0x9f, r == 0xad, r == 0x34f, r == 0x61c,
		r >= 0x115f && r <= 0x1160, r >= 0x17b4 && r <= 0x17b5, r >= 0x180b && r <= 0x180f,
		r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r == 0x3164, r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r == 0xffa0,
		r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// ansiAt returns the length of the terminal sequence that s begins with, or 0:
// CSI (colours, cursor), OSC (titles, links) and two-byte escapes.
func ansiAt(s string) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch s[1] {
	case '[':
		i := 2
		for i < len(s) && s[i] >= 0x20 && s[i] <= 0x3f {
			i++
		}
		if i < len(s) && s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
		return i
	case ']':
		for i := 2; i < len(s) && s[i] != '\n'; i++ {
			if s[i] == 0x07 {
				return i + 1
			}
			if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
				return i + 2
			}
		}
		return 2
	}
	if s[1] >= 0x20 && s[1] < 0x7f {
		return 2
	}
	return 1
}
