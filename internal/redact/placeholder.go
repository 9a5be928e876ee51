package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// What stands for hidden text:
//
//	⟨kind:7f3a2c⟩        a value, six hex digits of its pseudonym
//	⟨own:7f3a2c⟩         the same, by a rule of the operator's; its name would open the set
//	⟨kind⟩               a value hidden where no key was at hand
//	⟨svc shop/cache⟩     an address of the cluster, as the object's name
//	⟨withheld:reason⟩    text that could not be looked at
//
// The forms are closed sets, so that nothing can be smuggled past the patterns
// in brackets; any other bracket in foreign text is replaced.
const (
	openMark  = "⟨"
	closeMark = "⟩"
)

const (
	withheldLine   = "⟨withheld:over-long line⟩"
	withheldTotal  = "⟨withheld:too much text⟩"
	withheldBudget = "⟨withheld:time budget⟩"
	withheldError  = "⟨withheld:internal error⟩"
)

// maxPlaceholder bounds the bytes between the brackets.
const maxPlaceholder = 300

// placeholderAt returns the length of the placeholder that s begins with, or 0.
func (e *engine) placeholderAt(s string) int {
	if !strings.HasPrefix(s, openMark) {
		return 0
	}
	body := s[len(openMark):min(len(s), len(openMark)+maxPlaceholder)]
	end := strings.Index(body, closeMark)
	if end < 0 || !e.validBody(body[:end]) {
		return 0
	}
	return len(openMark) + end + len(closeMark)
}

func (e *engine) validBody(body string) bool {
	if kind, rest, ok := strings.Cut(body, ":"); ok {
		if kind == "withheld" {
			switch openMark + body + closeMark {
			case withheldLine, withheldTotal, withheldBudget, withheldError:
				return true
			}
			return false
		}
		return e.kinds[kind] && len(rest) == 6 && isLowerHex(rest)
	}
	if strings.Contains(body, " ") {
		return validObject(body)
	}
	return e.kinds[body]
}

// validObject tells whether s is a kind and a Kubernetes name, such as
// "svc shop/cache": at most 253 bytes that a name may have.
func validObject(s string) bool {
	kind, name, ok := strings.Cut(s, " ")
	if !ok || name == "" || len(name) > 253 {
		return false
	}
	switch kind {
	case "svc", "pod", "node", "endpoint", "ingress", "host":
	default:
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !isLower(c) && !isDigit(c) && c != '-' && c != '.' && c != '/' {
			return false
		}
	}
	return isLower(name[0]) || isDigit(name[0])
}

// pseudonym makes the placeholder of a value. Without a key it carries no
// digits: an unkeyed hash of a weak password could be guessed.
func (r *Redactor) pseudonym(kind, value string) string {
	if strings.HasPrefix(kind, ownKind) {
		kind = ownPlaceholder
	}
	if len(r.key) == 0 {
		return openMark + kind + closeMark
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(r.scope))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return openMark + kind + ":" + hex.EncodeToString(mac.Sum(nil)[:3]) + closeMark
}
