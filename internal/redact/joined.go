package redact

import (
	"slices"
	"sort"
	"strings"
)

// Terminals and collectors break long lines: at a fixed width, or, as a
// container runtime does, after 16 KiB, where each part but the last is marked
// P for partial. A secret that lies across such a break is looked for in a view
// of the text without the breaks, and the view's findings are taken back to
// the text's own bytes.

// window bounds the bytes of a line looked at on either side of a break.
const window = 4 << 10

// widths are the widths at which terminals, mail and pagers break lines.
var widths = [...]int{60, 64, 72, 76, 80, 90, 100, 120, 128, 132, 160, 200, 240}

// gap is one break: the bytes from the end of a line to where the next line's
// own text begins.
type gap struct{ start, end int }

// findJoined hides what lies across breaks.
func (p *pass) findJoined() {
	if p.depth > 0 {
		return
	}
	gaps := p.gaps()
	for len(gaps) > 0 {
		n := 1
		for n < len(gaps) && gaps[n].start-gaps[n-1].end < window && lineStart(p.s, gaps[n].start) <= gaps[n-1].end {
			n++ // one line broken twice
		}
		p.findAcross(gaps[:n])
		gaps = gaps[n:]
	}
}

// gaps lists the breaks in p.s.
func (p *pass) gaps() []gap {
	s := p.s
	var out []gap
	for from := 0; ; {
		n := strings.IndexByte(s[from:], '\n')
		if n < 0 || from+n+1 == len(s) {
			return out
		}
		end := from + n
		if next, ok := partial(s, from, end); ok {
			out = append(out, gap{end, next})
		} else if goesOn := len(out) > 0 && out[len(out)-1].end == from; wrapped(s, from, end, goesOn) && !p.inPEM(end-1) {
			out = append(out, gap{end, end + 1})
		}
		from = end + 1
	}
}

// partial tells whether the line is a part in a container runtime's log, and
// where the text of the next part begins.
func partial(s string, from, end int) (int, bool) {
	if _, part, ok := runtimePrefix(s[from:min(end, from+64)]); !ok || !part {
		return 0, false
	}
	n, _, ok := runtimePrefix(s[end+1 : min(len(s), end+65)])
	return end + 1 + n, ok
}

// runtimePrefix reads "2026-11-20T13:42:03.1Z stdout P " and returns its length.
func runtimePrefix(s string) (n int, part, ok bool) {
	if s == "" || !isDigit(s[0]) {
		return 0, false, false
	}
	at := strings.Index(s, " std")
	if at < 0 || len(s) < at+10 || s[at+4:at+8] != "out " && s[at+4:at+8] != "err " || s[at+9] != ' ' {
		return 0, false, false
	}
	return at + 10, s[at+8] == 'P', s[at+8] == 'P' || s[at+8] == 'F'
}

// wrapped tells whether the line s[from:end] was broken: it fills a usual
// width, or it is as long as the next one and both sides belong to a word.
// goesOn tells that it is itself what was broken off.
func wrapped(s string, from, end int, goesOn bool) bool {
	width := end - from
	if width < 40 || s[end+1] == '\n' {
		return false
	}
	next := strings.IndexByte(s[end+1:], '\n')
	if next < 0 {
		next = len(s) - end - 1
	}
	usual := slices.Contains(widths[:], width)
	if isBlank(s[end+1]) && (!usual || end+2 >= len(s) || isSpace(s[end+2])) {
		return false // indented, not broken
	}
	if next > width || !usual && (next < width || !isWordByte(s[end-1]) || !isWordByte(s[end+1])) {
		return false
	}
	rest := s[end+1 : min(len(s), end+1+maxName)]
	if nextField(rest, 0) && !goesOn && (!usual || nextField(s[from:end], '=')) {
		return false // an env dump; padding of base64 looks like a field too
	}
	return !beginsEntry(rest)
}

// inPEM tells whether i lies in a block that has lines of its own.
func (p *pass) inPEM(i int) bool {
	n := sort.Search(p.sorted, func(k int) bool { return p.spans[k].end > i })
	if n == p.sorted || p.spans[n].start > i {
		return false
	}
	kind := p.spans[n].kind
	return kind == "private-key" || kind == "certificate" || kind == "pem"
}

// beginsEntry tells whether a line begins an entry of a log: with a date, a
// time, or klog's letter and date.
func beginsEntry(line string) bool {
	switch digits := runEnd(line, 0, isDigit); {
	case len(line) < 8 || digits+3 >= len(line):
	case digits == 4 && (line[4] == '-' || line[4] == '/') && isDigit(line[5]) && isDigit(line[6]),
		digits == 2 && line[2] == ':' && isDigit(line[3]) && isDigit(line[4]):
		return true
	}
	return len(line) > 5 && strings.IndexByte("IWEF", line[0]) >= 0 && allBytes(line[1:5], isDigit) && line[5] == ' '
}

// findAcross looks at one line without its gaps and hides what it finds.
func (p *pass) findAcross(gaps []gap) {
	from := max(lineStart(p.s, gaps[0].start), gaps[0].start-window)
	to := lineEndIn(p.s, gaps[len(gaps)-1].end, window)
	var view strings.Builder
	joins := make([]int, len(gaps)) // where each gap was, in the view
	at := from
	for i, g := range gaps {
		view.WriteString(p.s[at:g.start])
		joins[i] = view.Len()
		at = g.end
	}
	view.WriteString(p.s[at:to])
	inner := pass{e: p.e, s: view.String(), now: p.now, deadline: p.deadline, depth: 1}
	for _, sp := range inner.find() {
		first := sort.SearchInts(joins, sp.start+1)
		end := sort.SearchInts(joins, sp.end)
		sp.object = ""
		sp.start += from + removed(gaps[:first])
		sp.end += from + removed(gaps[:end])
		if first != end || !p.inHidden(sp.start) {
			p.add(sp)
		}
	}
	p.late = p.late || inner.late
}

// removed is how many bytes the view lacks up to and with the last gap.
func removed(gaps []gap) int {
	n := 0
	for _, g := range gaps {
		n += g.end - g.start
	}
	return n
}
