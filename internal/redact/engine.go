package redact

import (
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// engine is the immutable set of patterns: built once, shared by every
// Redactor.
type engine struct {
	anchors   *automaton
	finders   []finder   // by anchor
	tokens    []token    // by anchor, where the finder is findToken
	providers []provider // by anchor, where it is findProvider
	vocab     *vocabulary
	shapes    *shapes
	kinds     map[string]bool
	own       map[int]ownRule // by anchor
	signs     [256]sign
}

// finder looks around an anchor at s[start:end] and hides what it finds.
type finder func(p *pass, id, start, end int)

// builtin is the engine. It needs no configuration and holds no key.
var builtin = sync.OnceValue(func() *engine { return newEngine(nil) })

func newEngine(own []ownRule) *engine {
	e := &engine{vocab: newVocabulary(), shapes: newShapes(), kinds: words(plainKinds), signs: signTable()}
	var texts []string
	add := func(find finder, t token, r provider, anchors ...string) {
		for _, a := range anchors {
			texts = append(texts, a)
			e.finders = append(e.finders, find)
			e.tokens = append(e.tokens, t)
			e.providers = append(e.providers, r)
		}
	}
	for _, t := range tokenTable() {
		e.kinds[t.kind] = true
		add((*pass).findToken, t, provider{}, strings.ToLower(t.prefix))
	}
	for _, m := range middles {
		e.kinds[m.kind] = true
	}
	rows, names := providerTable()
	for i, r := range rows {
		e.kinds[r.kind] = true
		add((*pass).findProvider, token{}, r, names[i]...)
	}
	for _, s := range finderTable() {
		add(s.find, token{}, provider{}, strings.Fields(s.anchors)...)
	}
	for _, s := range spacedTable() {
		add(s.find, token{}, provider{}, s.anchors)
	}
	e.own = make(map[int]ownRule, len(own))
	for _, r := range own {
		e.own[len(texts)] = r
		add((*pass).findOwn, token{}, provider{}, strings.ToLower(r.Anchor))
	}
	e.anchors = newAutomaton(texts)
	return e
}

const plainKinds = `password token key cookie credential secret signature code user userinfo jwt
	private-key certificate pem base64 hex encoded email phone card iban ip mac host basic-auth high-entropy telegram-token azure-secret discord-bot-token facebook-token national-id own`

type span struct {
	start, end int
	kind       string
	object     string // the object's name, where the cluster knows the address
	quote      string // what keeps a bare JSON number's place valid: a quote, or none
}

// pass is one look over one text.
type pass struct {
	e        *engine
	s        string
	known    func(string) (string, bool)
	now      func() time.Time
	deadline time.Time // zero means no budget
	depth    int       // encodings already undone
	spans    []span
	hidden   int // end of the furthest span so far
	sorted   int // spans that are in order: those the anchors found
	keyEnd   int // end of the last field name looked at
	steps    int
	ownTime  time.Duration // taken by the operator's rules

	headerSeen, documentSeen, listSeen, atSeen int // ends of what was looked at already
	late                                       bool
	brackets                                   bool // the text has placeholders
}

// find returns what to hide in s, in order and without overlap.
func (p *pass) find() []span {
	p.brackets = strings.Contains(p.s, openMark)
	p.e.anchors.scan(p.s, func(i int) int { return max(p.e.placeholderAt(p.s[i:])-1, 0) }, func(id, start, end int) {
		if !p.tick() {
			p.e.finders[id](p, id, start, end)
		}
	})
	p.merge()
	p.sorted = len(p.spans)
	if !p.late {
		p.scanShapes()
	}
	if !p.late {
		p.findJoined()
	}
	if !p.late {
		p.findUnescaped()
	}
	return p.merge()
}

// tick counts work and tells whether the time budget is gone.
func (p *pass) tick() bool {
	if p.steps++; p.steps&63 == 0 && !p.deadline.IsZero() && p.now().After(p.deadline) {
		p.late = true
	}
	return p.late
}

// hide marks s[start:end]. What is hidden already, or says nothing but
// placeholders and punctuation, stays as it is.
func (p *pass) hide(kind string, start, end int) {
	p.add(span{start: start, end: end, kind: kind})
}

func (p *pass) add(sp span) {
	if sp.start >= sp.end || !p.telling(sp.start, sp.end) {
		return
	}
	p.spans = append(p.spans, sp)
	p.hidden = max(p.hidden, sp.end)
}

func (p *pass) telling(start, end int) bool {
	for i := start; i < end; {
		if n := p.skip(i); n > 0 {
			i += n
			continue
		}
		if strings.HasPrefix(p.s[i:], "…") {
			i += len("…")
			continue
		}
		if isAlnum(p.s[i]) || p.s[i] >= 0x80 || strings.IndexByte("!#$%^&*?@~+/\\", p.s[i]) >= 0 {
			return true
		}
		i++
	}
	return false
}

// skip returns the length of the placeholder at i, or 0.
func (p *pass) skip(i int) int {
	if !p.brackets || p.s[i] != openMark[0] {
		return 0
	}
	return p.e.placeholderAt(p.s[i:])
}

// inHidden tells whether i lies in text that is hidden already, so that dense
// input is not looked at again and again and hosts behind user info stay.
func (p *pass) inHidden(i int) bool {
	if i >= p.hidden {
		return false
	}
	n := sort.Search(p.sorted, func(k int) bool { return p.spans[k].end > i })
	if n < p.sorted && p.spans[n].start <= i {
		return true
	}
	for k := len(p.spans) - 1; k >= p.sorted && k >= len(p.spans)-8; k-- {
		if p.spans[k].start <= i && i < p.spans[k].end {
			return true
		}
	}
	return false
}

// inOther tells whether i lies inside hidden text that begins before i: what
// begins with it may still name its kind better.
func (p *pass) inOther(i int) bool {
	return p.inHidden(i) && p.spans[len(p.spans)-1].start != i
}

// touched tells whether an anchor hid a part of s[start:end].
func (p *pass) touched(start, end int) bool {
	n := sort.Search(p.sorted, func(k int) bool { return p.spans[k].end > start })
	return n < p.sorted && p.spans[n].start < end
}

// merge sorts the spans, joins those that overlap, and widens those that
// would cut a placeholder.
func (p *pass) merge() []span {
	if p.brackets {
		p.widen()
	}
	slices.SortStableFunc(p.spans, func(a, b span) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	out := p.spans[:0]
	for _, sp := range p.spans {
		if n := len(out); n > 0 && sp.start < out[n-1].end {
			last := &out[n-1]
			if sp.start == last.start && sp.end == last.end {
				if specific(sp.kind) { // the later of two anchors is the longer one
					last.kind = sp.kind
				}
				continue
			}
			if sp.end > last.end {
				last.end, last.object = sp.end, ""
			}
			continue
		}
		out = append(out, sp)
	}
	p.spans = out
	return out
}

// specific tells whether a kind says more than the field's name did.
func specific(kind string) bool {
	switch kind {
	case "password", "token", "key", "credential", "secret", "high-entropy", "encoded", "base64", "hex", "code", "user":
		return false
	}
	return true
}

// widen moves an edge that lies inside a placeholder to the placeholder's own.
func (p *pass) widen() {
	for k := range p.spans {
		sp := &p.spans[k]
		if from, _ := p.around(sp.start); from >= 0 {
			sp.start = from
		}
		if from, to := p.around(sp.end); from >= 0 {
			sp.end = to
		}
	}
}

// around returns the placeholder that has i strictly inside it, or -1.
func (p *pass) around(i int) (start, end int) {
	from := max(0, i-maxPlaceholder-len(openMark))
	open := strings.LastIndex(p.s[from:min(i+len(openMark)-1, len(p.s))], openMark)
	if open < 0 {
		return -1, -1
	}
	open += from
	if n := p.e.placeholderAt(p.s[open:]); open < i && open+n > i {
		return open, open + n
	}
	return -1, -1
}
