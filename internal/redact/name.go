package redact

import (
	"strings"
	"unicode/utf8"
)

// maxNameRunes is the longest name that is shown: a namespaced name, an image
// reference, a label key.
const maxNameRunes = 512

// Name is a name in Kubernetes: of an object, a namespace, a kind, an image, a
// label. What has signs that no such name has is free text: it is put on one
// line and cut before it is redacted.
func Name(s string) Text {
	if len(s) <= maxNameRunes && allBytes(s, isNameByte) {
		return settle(s)
	}
	if len(s) > 4*maxNameRunes {
		s = strings.ToValidUTF8(s[:4*maxNameRunes], "")
	}
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxNameRunes {
		return settle(s).Truncate(maxNameRunes)
	}
	return settle(s)
}

func isNameByte(c byte) bool { return isKeyByte(c) || c == '/' || c == ':' || c == '@' }

// Quantity is a Kubernetes quantity such as 128Mi or 250m. Anything else is
// redacted as free text.
func Quantity(s string) Text {
	if len(s) <= 32 && s != "" && allBytes(s, func(c byte) bool { return isAlnum(c) || c == '.' || c == '-' || c == '+' }) && (isDigit(s[0]) || s[0] == '-' || s[0] == '+' || s[0] == '.') {
		return settle(s)
	}
	return Name(s)
}
