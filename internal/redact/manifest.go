package redact

import "strings"

// findManifest covers the data of a Secret in YAML or JSON, whatever its keys
// are called: the anchor is stringData, binaryData, or the kind itself.
func (p *pass) findManifest(_, start, end int) {
	s := p.s
	if p.inHidden(start) {
		return
	}
	if strings.EqualFold(s[start:end], "secret") {
		if start < p.documentSeen || !kindBefore(s, start) || end < len(s) && isKeyByte(s[end]) {
			return
		}
		from, to := p.documentAround(start)
		p.documentSeen = to
		for _, name := range []string{"data", "stringData"} {
			p.hideDataFields(from, to, name)
		}
		return
	}
	p.hideDataAt(start, end)
}

// kindBefore tells whether "kind:" stands before i.
func kindBefore(s string, i int) bool {
	before := s[max(0, i-16):i]
	before = strings.TrimRight(before, " \t\"'\\")
	before, ok := strings.CutSuffix(before, ":")
	return ok && hasSuffixFold(strings.TrimRight(before, " \t\"'\\"), "kind")
}

// maxManifest bounds the bytes on either side in which a Secret's data is
// looked for.
const maxManifest = 64 << 10

// documentAround returns the YAML document, or the line of JSON, that i is in.
func (p *pass) documentAround(i int) (int, int) {
	from, to := max(0, i-maxManifest), min(len(p.s), i+maxManifest)
	if k := strings.LastIndex(p.s[from:i], "\n---"); k >= 0 {
		from += k
	}
	if k := strings.Index(p.s[i:to], "\n---"); k >= 0 {
		to = i + k
	}
	return from, to
}

func (p *pass) hideDataFields(from, to int, name string) {
	for at := from; ; {
		k := strings.Index(p.s[at:to], name)
		if k < 0 {
			return
		}
		at += k + len(name)
		if start := at - len(name); start == 0 || !isKeyByte(p.s[start-1]) {
			p.hideDataAt(start, at)
		}
	}
}

// hideDataAt hides the values of the mapping that the name s[start:end] heads.
func (p *pass) hideDataAt(start, end int) {
	s := p.s
	f := field{start: start, end: end, name: s[start:end], weight: telling, kind: "secret"}
	if end < len(s) && isKeyByte(s[end]) || !p.separator(&f) || f.at >= len(s) {
		return
	}
	switch {
	case s[f.at] == '{' || strings.HasPrefix(s[f.at:], "map["):
		p.hideFlowMap(runEnd(s, f.at, func(c byte) bool { return c != '{' && c != '[' }) + 1)
	case s[f.at] == '\n':
		p.hideBlockMap(start, f.at+1)
	}
}

// hideFlowMap hides the values of {"key":"value", …} and of a printed Go map
// from i on.
func (p *pass) hideFlowMap(i int) {
	s := p.s
	for n := 0; n < 256 && i < len(s); n++ {
		i = runEnd(s, i, func(c byte) bool { return isSpace(c) || c == ',' || isQuote(c) || c == '\\' })
		end := runEnd(s, i, isKeyByte)
		if end == i || end >= len(s) {
			return
		}
		f := field{start: i, end: end, name: s[i:end], weight: telling, kind: "secret"}
		if !p.separator(&f) || f.at >= len(s) || s[f.at] == '{' {
			return
		}
		ext := p.extentOf(f)
		if !p.e.shapes.survives(s[ext.start:ext.end], ext.quoted) {
			p.hide("secret", ext.start, ext.end)
		}
		i = max(ext.end, i+1)
	}
}

// hideBlockMap hides the values of the YAML lines from i on that are deeper
// than the line of the mapping's name.
func (p *pass) hideBlockMap(name, i int) {
	s := p.s
	head := lineStart(s, name)
	indent := runEnd(s, head, isBlank) - head
	for i < len(s) {
		end := lineEnd(s, i)
		text := runEnd(s, i, isBlank)
		if text < end && text-i <= indent {
			return
		}
		from := text
		if colon := strings.IndexByte(s[text:end], ':'); colon >= 0 && allBytes(strings.Trim(s[text:text+colon], `"'`), isKeyByte) {
			from = runEnd(s, text+colon+1, isBlank)
		}
		value := strings.Trim(s[from:end], " \t")
		if strings.Trim(value, "|>+-0123456789 ") != "" && !p.e.shapes.survives(strings.Trim(value, `"'`), true) {
			p.hideScalar(from, from+len(value))
		}
		i = end + 1
	}
}

// hideScalar hides a YAML scalar and leaves its quotes.
func (p *pass) hideScalar(start, end int) {
	if end-start > 1 && isQuote(p.s[start]) && p.s[end-1] == p.s[start] {
		start, end = start+1, end-1
	}
	p.hide("secret", start, end)
}
