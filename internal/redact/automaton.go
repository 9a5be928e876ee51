package redact

// automaton is an Aho-Corasick machine over ASCII-folded bytes: one table
// look-up per byte of text finds every anchor, so that text without anchors
// costs nothing more. It is immutable once built.
type automaton struct {
	class [256]uint8 // byte to column; 0 is every byte that no anchor has
	shift uint       // columns per row, as a power of two
	next  []uint16   // row<<shift | column to row; hitBit marks rows with output
	found [][]uint16 // row to anchors that end there
	sizes []int      // anchor to length in bytes
}

// hitBit is set in a transition to a row where an anchor ends. It leaves
// 32,767 rows, which newAutomaton's callers stay far below.
const hitBit = 0x8000

func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// newAutomaton builds the machine for anchors written in lower case.
func newAutomaton(anchors []string) *automaton {
	a := &automaton{sizes: make([]int, len(anchors))}
	columns := 1
	for _, s := range anchors {
		for i := range len(s) {
			if a.class[s[i]] == 0 {
				a.class[s[i]] = uint8(columns)
				columns++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[fold(c)]
	}
	for 1<<a.shift < columns {
		a.shift++
	}
	a.addRow()
	for i, s := range anchors {
		a.sizes[i] = len(s)
		a.addAnchor(i, s)
	}
	a.link()
	return a
}

func (a *automaton) addRow() uint16 {
	row := len(a.found)
	a.next = append(a.next, make([]uint16, 1<<a.shift)...)
	a.found = append(a.found, nil)
	return uint16(row)
}

func (a *automaton) addAnchor(id int, s string) {
	row := uint16(0)
	for i := range len(s) {
		at := int(row)<<a.shift | int(a.class[s[i]])
		if a.next[at] == 0 {
			to := a.addRow()
			a.next[at] = to
		}
		row = a.next[at]
	}
	a.found[row] = append(a.found[row], uint16(id))
}

// link turns the trie into a machine without failure links: breadth first,
// each missing transition becomes the one of the longest proper suffix.
func (a *automaton) link() {
	rows := len(a.found)
	suffix := make([]uint16, rows)
	queue := make([]uint16, 0, rows)
	width := 1 << a.shift
	for c := range width {
		if to := a.next[c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for head := 0; head < len(queue); head++ {
		row := queue[head]
		a.found[row] = append(a.found[row], a.found[suffix[row]]...)
		for c := range width {
			at, back := int(row)<<a.shift|c, a.next[int(suffix[row])<<a.shift|c]
			if to := a.next[at]; to != 0 {
				suffix[to] = back
				queue = append(queue, to)
			} else {
				a.next[at] = back
			}
		}
	}
	for i, to := range a.next {
		if len(a.found[to]) > 0 {
			a.next[i] = to | hitBit
		}
	}
}

// scan calls hit for every anchor in s, in order of where it ends. skip tells
// how many bytes to jump at a byte above 0x7f, which no anchor contains.
func (a *automaton) scan(s string, skip func(i int) int, hit func(id, start, end int)) {
	row := 0
	for i := 0; i < len(s); i++ {
		to := a.next[row<<a.shift|int(a.class[s[i]])]
		row = int(to &^ hitBit)
		switch {
		case to&hitBit != 0:
			for _, id := range a.found[row] {
				hit(int(id), i+1-a.sizes[id], i+1)
			}
		case s[i] == openMark[0]:
			i += skip(i)
		}
	}
}
