package redact

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// maxDepth is how many encodings are undone, one inside the other.
const maxDepth = 2

// findEncoded decodes a run and looks again; what hides something goes whole.
// A run that is not text but looks drawn at random goes too.
func (p *pass) findEncoded(start, end int) {
	s := p.s
	end = runEnd(s, end, func(c byte) bool { return c == '=' })
	run := s[start:end]
	if raw, ok := decodeHex(run); ok {
		if p.nested(raw) {
			p.hide("hex", start, end)
		}
		return
	}
	if raw, ok := decodeBase64(run); ok && isPrintable(raw) {
		if p.nested(raw) {
			p.hide("base64", start, end)
		}
		return
	}
	if looksRandom(run) && !isDigestAt(s, start) || isMailchimp(run) {
		p.hide("high-entropy", start, end)
	}
}

// nested looks for something to hide in text that was encoded.
func (p *pass) nested(text string) bool {
	if p.depth >= maxDepth {
		return false
	}
	inner := pass{e: p.e, s: p.e.clean(text), now: p.now, deadline: p.deadline, depth: p.depth + 1}
	found := inner.find()
	p.late = p.late || inner.late
	return len(found) > 0
}

// decodeBase64 undoes either alphabet, with or without padding or a cut end.
func decodeBase64(s string) (string, bool) {
	s = strings.TrimRight(s, "=")
	if len(s)%4 == 1 {
		s = s[:len(s)-1]
	}
	if len(s) < 8 || strings.ContainsRune(s, '=') {
		return "", false
	}
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.RawURLEncoding
	}
	var head [6]byte
	if n, err := encoding.Decode(head[:], []byte(s[:8])); err != nil || !isPrintable(string(head[:n])) {
		return "", false
	}
	raw, err := encoding.DecodeString(s)
	return string(raw), err == nil
}

func decodeHex(s string) (string, bool) {
	if len(s)%2 != 0 || !allBytes(s, isHex) {
		return "", false
	}
	var head [4]byte
	if n, err := hex.Decode(head[:], []byte(s[:min(len(s), 8)])); err != nil || !isPrintable(string(head[:n])) {
		return "", false
	}
	raw, err := hex.DecodeString(s)
	return string(raw), err == nil && isPrintable(string(raw))
}

// isPrintable tells whether s is text.
func isPrintable(s string) bool {
	if !utf8.ValidString(s) {
		n := len(s)
		for n > 0 && len(s)-n < 3 && !utf8.ValidString(s[:n]) {
			n-- // a rune cut at the end
		}
		if !utf8.ValidString(s[:n]) {
			return false
		}
	}
	for i := range len(s) {
		if s[i] < ' ' && !isSpace(s[i]) && s[i] != '\r' && s[i] != 0x1b || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// looksRandom tells a drawn value from names and words: three classes of
// characters that change often. Hex, UUIDs and generated Kubernetes names have
// no capitals and stay.
func looksRandom(s string) bool {
	if len(s) < 32 || len(s) > 1024 {
		return false
	}
	m := mixOf(s)
	if m.upper < 3 || m.lower < 3 || m.digit < 2 || m.other > len(s)/6 {
		return false
	}
	changes := 0
	for i := 1; i < len(s); i++ {
		if classOf(s[i]) != classOf(s[i-1]) {
			changes++
		}
	}
	return changes*100 >= len(s)*38
}

// isMailchimp tells whether s is 32 hex digits and a data centre.
func isMailchimp(s string) bool {
	return len(s) >= 36 && len(s) <= 38 && isLowerHex(s[:32]) && strings.HasPrefix(s[32:], "-us") && allBytes(s[35:], isDigit)
}

func classOf(c byte) int {
	switch {
	case isUpper(c):
		return 1
	case isLower(c):
		return 2
	case isDigit(c):
		return 3
	}
	return 4
}

// isDigestAt tells whether a digest's name stands before i: sha256-…, h1:….
func isDigestAt(s string, i int) bool {
	before := strings.ToLower(s[max(0, i-8):i])
	run := strings.ToLower(s[i:min(len(s), i+7)])
	return strings.HasSuffix(before, "sha256:") || strings.HasSuffix(before, "sha512:") || strings.HasSuffix(before, "h1:") ||
		strings.HasPrefix(run, "sha256-") || strings.HasPrefix(run, "sha512-") || strings.HasPrefix(run, "sha384-") || strings.HasPrefix(run, "sha1-")
}

// maxPercent bounds the bytes of one percent-encoded run.
const maxPercent = 4096

// findPercent decodes the URL-encoded run around the % at i, looks again, and
// returns where to go on.
func (p *pass) findPercent(i int) int {
	s := p.s
	inside := func(c byte) bool {
		return c > ' ' && c < 0x7f && strings.IndexByte("\"'`<>&?;,(){}[]|\\=", c) < 0
	}
	from := runStart(s, i, maxPercent, inside)
	end := min(runEnd(s, i, inside), i+maxPercent)
	if p.touched(from, end) {
		return end // the next round looks at what is left
	}
	run := s[from:end]
	text := unescapePercent(run)
	spaced := unescapePercent(strings.ReplaceAll(run, "+", " "))
	if p.nested(text) || spaced != text && p.nested(spaced) || strings.Contains(spaced, "+") && p.nested(strings.ReplaceAll(spaced, "+", " ")) {
		p.hide("encoded", from, end)
	}
	return end
}

// unescapePercent undoes %41; what is no escape stays.
func unescapePercent(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			var b [1]byte
			_, _ = hex.Decode(b[:], []byte(s[i+1:i+3])) // two hex digits
			out = append(out, b[0])
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}
