package slackstub

import (
	"regexp"
	"strings"
)

// Span is a piece of mrkdwn text. Text has Slack's escapes undone.
type Span struct {
	Text string
	// Target of a link, or the id of a mention: "U…", "C…", "S…", "here".
	Target string
	Kind   SpanKind

	Bold, Italic, Strike, Code bool
}

// SpanKind tells plain text from what Slack makes live.
type SpanKind int

// Kinds of spans. All but text and date do something to people: they notify
// them or give them something to press.
const (
	SpanText SpanKind = iota
	SpanUser
	SpanChannel
	SpanGroup
	SpanBroadcast
	SpanLink
	SpanDate
)

// Live tells whether Slack would notify people or link somewhere.
func (s Span) Live() bool { return s.Kind != SpanText && s.Kind != SpanDate }

var (
	mrkdwnToken = regexp.MustCompile(`<([^<>\n]+)>`)
	autoNames   = regexp.MustCompile(`https?://[^\s<>|]+|(^|[\s(])(@(?:here|channel|everyone)\b|#[a-z0-9_-]{2,}\b)`)
	autoURLs    = regexp.MustCompile(`https?://[^\s<>|]+`)
	codePieces  = regexp.MustCompile("(?s)```(.+?)```|`([^`\n]+)`")
	emphasis    = regexp.MustCompile(`(^|[\s(\[{.,;:!?"'/–—-])([*_~])([^\s*_~](?:[^\n]*?[^\s])??)([*_~])($|[\s)\]}.,;:!?"'/–—-])`)
)

// AutoLink is what Slack makes live besides <…>.
type AutoLink int

// Verbatim text objects link nothing; top-level text links bare addresses
// unless parse is "none"; text objects that are not verbatim link names too.
const (
	LinkNothing AutoLink = iota
	LinkURLs
	LinkNames
)

func (a AutoLink) find(l string) []int {
	switch a {
	case LinkNothing:
	case LinkURLs:
		if m := autoURLs.FindStringIndex(l); m != nil {
			return append(m, -1, -1)
		}
	case LinkNames:
		if m := autoNames.FindStringSubmatchIndex(l); m != nil {
			return append(m[:2], m[2], m[3])
		}
	}
	return nil
}

// Line is one paragraph of mrkdwn: quoted, preformatted or plain.
type Line struct {
	Quote, Pre bool
	Spans      []Span
}

// Mrkdwn reads text as Slack's message parser does.
func Mrkdwn(text string, auto AutoLink) []Line {
	var lines []Line
	rest := text
	for {
		m := codePieces.FindStringSubmatchIndex(rest)
		for m != nil && m[2] < 0 { // inline code is left to the line
			next := codePieces.FindStringSubmatchIndex(rest[m[1]:])
			for i := range next {
				if next[i] >= 0 {
					next[i] += m[1]
				}
			}
			m = next
		}
		if m == nil {
			return append(lines, plainLines(rest, auto)...)
		}
		if before := strings.TrimSuffix(rest[:m[0]], "\n"); before != "" {
			lines = append(lines, plainLines(before, auto)...)
		}
		lines = append(lines, Line{Pre: true, Spans: tokens(strings.Trim(rest[m[2]:m[3]], "\n"), LinkNothing, Span{Code: true})})
		rest = strings.TrimPrefix(rest[m[1]:], "\n")
		if rest == "" {
			return lines
		}
	}
}

func plainLines(text string, auto AutoLink) []Line {
	var out []Line
	for l := range strings.SplitSeq(text, "\n") {
		line := Line{}
		for _, q := range []string{"&gt; ", "&gt;", "> "} {
			if cut, ok := strings.CutPrefix(l, q); ok {
				line.Quote, l = true, cut
				break
			}
		}
		line.Spans = inline(l, auto)
		out = append(out, line)
	}
	return out
}

// inline splits off `code`, then emphasis, then tokens.
func inline(l string, auto AutoLink) []Span {
	var out []Span
	for {
		m := codePieces.FindStringSubmatchIndex(l)
		if m == nil || m[4] < 0 {
			return append(out, emphasized(l, auto, Span{}, 0)...)
		}
		out = append(out, emphasized(l[:m[0]], auto, Span{}, 0)...)
		out = append(out, tokens(l[m[4]:m[5]], LinkNothing, Span{Code: true})...)
		l = l[m[1]:]
	}
}

const (
	maxEmphasis = 4
	// Longer lines are not searched for emphasis, which takes time that grows
	// with the square of their length.
	maxEmphasisLine = 4000
)

func emphasized(l string, auto AutoLink, style Span, depth int) []Span {
	if depth == maxEmphasis || len(l) > maxEmphasisLine {
		return tokens(l, auto, style)
	}
	m := emphasis.FindStringSubmatchIndex(l)
	if m == nil || l[m[4]:m[5]] != l[m[8]:m[9]] {
		return tokens(l, auto, style)
	}
	inner := style
	switch l[m[4]:m[5]] {
	case "*":
		inner.Bold = true
	case "_":
		inner.Italic = true
	case "~":
		inner.Strike = true
	}
	out := tokens(l[:m[4]], auto, style)
	out = append(out, emphasized(l[m[6]:m[7]], auto, inner, depth+1)...)
	return append(out, emphasized(l[m[9]:], auto, style, depth)...)
}

// tokens reads <…>; anything else is text, where auto-links may hide.
func tokens(l string, auto AutoLink, style Span) []Span {
	var out []Span
	for {
		m := mrkdwnToken.FindStringSubmatchIndex(l)
		if m == nil {
			return append(out, autoLinked(l, auto, style)...)
		}
		out = append(out, autoLinked(l[:m[0]], auto, style)...)
		out = append(out, token(l[m[2]:m[3]], style))
		l = l[m[1]:]
	}
}

func token(body string, s Span) Span {
	target, label, has := strings.Cut(body, "|")
	s.Text, s.Target = unescape(label), target
	name := func(prefix string) {
		s.Target = strings.TrimPrefix(target, prefix)
		if !has {
			s.Text = s.Target
		}
	}
	switch {
	case strings.HasPrefix(target, "@"):
		s.Kind = SpanUser
		name("@")
	case strings.HasPrefix(target, "#"):
		s.Kind = SpanChannel
		name("#")
	case strings.HasPrefix(target, "!subteam^"):
		s.Kind = SpanGroup
		name("!subteam^")
	case strings.HasPrefix(target, "!date^"):
		s.Kind = SpanDate
	case strings.HasPrefix(target, "!"):
		s.Kind = SpanBroadcast
		name("!")
	default:
		s.Kind = SpanLink
		if !has {
			s.Text = unescape(target)
		}
		s.Target = unescape(target)
	}
	return s
}

func autoLinked(l string, auto AutoLink, style Span) []Span {
	var out []Span
	text := func(t string) {
		if t != "" {
			s := style
			s.Text = unescape(t)
			out = append(out, s)
		}
	}
	for {
		m := auto.find(l)
		if m == nil {
			break
		}
		from := m[0]
		if m[3] >= 0 {
			from = m[3] // after the character that must come before a name
		}
		text(l[:from])
		s := style
		s.Text = unescape(l[from:m[1]])
		s.Target, s.Kind = strings.TrimLeft(s.Text, "@#"), SpanLink
		switch l[from] {
		case '@':
			s.Kind = SpanBroadcast
		case '#':
			s.Kind = SpanChannel
		}
		out = append(out, s)
		l = l[m[1]:]
	}
	text(l)
	return out
}

// AutoLink is how the top-level text is read. Beside blocks it is only a
// notification, where addresses cannot be pressed.
func (m Message) AutoLink() AutoLink {
	if m.ParseNone || len(m.Blocks) > 0 {
		return LinkNothing
	}
	return LinkURLs
}

// TextObjectAutoLink is how a mrkdwn text object is read.
func TextObjectAutoLink(o map[string]any) AutoLink {
	if verbatim, _ := o["verbatim"].(bool); verbatim {
		return LinkNothing
	}
	return LinkNames
}

// LiveMarkup returns everything in the message that would notify somebody or
// link somewhere, such as "broadcast channel" or "link https://…": what
// untrusted text must never achieve. Mrkdwn comes first, elements of rich text
// in their place among the blocks.
func (m Message) LiveMarkup() []string {
	var out []string
	add := func(text string, auto AutoLink) {
		for _, l := range Mrkdwn(text, auto) {
			for _, s := range l.Spans {
				if s.Live() {
					out = append(out, s.Kind.String()+" "+s.Target)
				}
			}
		}
	}
	if m.Mrkdwn {
		add(m.Text, m.AutoLink())
	}
	var walk func(v any)
	walk = func(v any) {
		switch t := v.(type) {
		case []any:
			for _, e := range t {
				walk(e)
			}
		case obj:
			if s, ok := t["text"].(string); ok && t["type"] == "mrkdwn" {
				add(s, TextObjectAutoLink(t))
			}
			if t["type"] == "rich_text" {
				out = append(out, liveRich(t["elements"])...)
				return
			}
			for _, k := range []string{"text", "fields", "elements", "accessory", "confirm", "options", "label", "hint", "element"} {
				walk(t[k])
			}
		}
	}
	walk(m.Blocks)
	return out
}

// liveRich names the elements of rich text that notify or link.
func liveRich(v any) (out []string) {
	switch t := v.(type) {
	case []any:
		for _, e := range t {
			out = append(out, liveRich(e)...)
		}
	case obj:
		for kind, key := range map[string]string{"user": "user_id", "usergroup": "usergroup_id", "channel": "channel_id",
			"team": "team_id", "broadcast": "range", "link": "url"} {
			if id, ok := t[key].(string); ok && t["type"] == kind {
				out = append(out, kind+" "+id)
			}
		}
		if url, ok := t["url"].(string); ok && t["type"] == "date" {
			out = append(out, "link "+url)
		}
		out = append(out, liveRich(t["elements"])...)
	}
	return out
}

// String names the kind as LiveMarkup shows it.
func (k SpanKind) String() string {
	return [...]string{"text", "user", "channel", "group", "broadcast", "link", "date"}[k]
}
