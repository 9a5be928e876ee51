package redact

import (
	"strconv"
	"strings"
)

// Text inside a JSON or Go string is looked at without its escapes, in a view
// of the line whose findings are taken back to the line's own bytes.

// findUnescaped hides what stands behind escapes.
func (p *pass) findUnescaped() {
	if p.depth > maxDepth || strings.IndexByte(p.s, '\\') < 0 {
		return
	}
	for from := 0; from < len(p.s) && !p.tick(); {
		end := from + strings.IndexByte(p.s[from:], '\n')
		if end < from {
			end = len(p.s)
		}
		if strings.IndexByte(p.s[from:end], '\\') >= 0 {
			p.findInLine(from, end)
		}
		from = end + 1
	}
}

func (p *pass) findInLine(from, end int) {
	view, offsets := unescape(p.s[from:end])
	if offsets == nil {
		return
	}
	inner := pass{e: p.e, s: view, now: p.now, deadline: p.deadline, depth: p.depth + 1}
	for _, sp := range inner.find() {
		sp.object = ""
		sp.start, sp.end = from+offsets[sp.start], from+offsets[sp.end]
		if !p.inHidden(sp.start) || !p.inHidden(sp.end-1) {
			p.add(sp)
		}
	}
	p.late = p.late || inner.late
}

// unescape undoes one level of escapes and returns, for each byte of the
// outcome and for its end, where it began; nil where there are none.
func unescape(s string) (view string, offsets []int) {
	if !hasEscape(s) {
		return "", nil
	}
	out := make([]byte, 0, len(s))
	offsets = make([]int, 0, len(s)+1)
	for i := 0; i < len(s); {
		if n := escapedANSI(s[i:]); n > 0 {
			i += n
			continue
		}
		n, c := escapeAt(s[i:])
		out = append(out, c)
		offsets = append(offsets, i)
		i += n
	}
	return string(out), append(offsets, len(s))
}

// escapedANSI returns the length of a terminal's sequence whose first byte is
// written as an escape, or 0.
func escapedANSI(s string) int {
	for _, esc := range []string{`\u001b`, `\x1b`, `\033`, `\e`} {
		if hasFold(s, esc) {
			if n := ansiAt("\x1b" + s[len(esc):min(len(s), len(esc)+32)]); n > 0 {
				return n - 1 + len(esc)
			}
		}
	}
	return 0
}

func hasEscape(s string) bool {
	for i := strings.IndexByte(s, '\\'); i >= 0 && i < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if n, _ := escapeAt(s[i:]); n > 1 || escapedANSI(s[i:]) > 0 {
			return true
		}
	}
	return false
}

// escapeAt reads one byte, or the escape of one, and returns its length. Bytes
// beyond ASCII stay as they are written.
func escapeAt(s string) (n int, c byte) {
	if s[0] != '\\' || len(s) < 2 {
		return 1, s[0]
	}
	switch s[1] {
	case '"', '\\', '/', '\'':
		return 2, s[1]
	case 'n', 'r':
		return 2, '\n'
	case 't':
		return 2, '\t'
	case 'u':
		if len(s) >= 6 {
			if v, err := strconv.ParseUint(s[2:6], 16, 16); err == nil && v >= ' ' && v < 0x7f {
				return 6, byte(v)
			}
		}
	}
	return 1, s[0]
}
