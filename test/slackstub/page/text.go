package page

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// mrkdwn renders a mrkdwn text; what is live in it is red.
func (w *writer) mrkdwn(s string, auto slackstub.AutoLink) {
	quoted := false
	lines := slackstub.Mrkdwn(s, auto)
	for i, l := range lines {
		if l.Quote != quoted {
			if l.Quote {
				w.raw(`<blockquote>`)
			} else {
				w.raw(`</blockquote>`)
			}
			quoted = l.Quote
		} else if i > 0 && !l.Pre && !lines[i-1].Pre {
			w.raw(`<br>`)
		}
		if l.Pre {
			w.raw(`<pre class="pre">`)
			w.spans(l.Spans, false)
			w.raw(`</pre>`)
			continue
		}
		w.spans(l.Spans, true)
	}
	if quoted {
		w.raw(`</blockquote>`)
	}
}

func (w *writer) spans(spans []slackstub.Span, code bool) {
	for _, s := range spans {
		open, shut := marks(s.Bold, s.Italic, s.Strike, s.Code && code)
		w.raw(open)
		switch {
		case s.Live():
			w.live(s)
		case s.Code:
			w.text(s.Text)
		default:
			w.text(withEmoji(s.Text))
		}
		w.raw(shut)
	}
}

func marks(bold, italic, strike, code bool) (open, shut string) {
	for _, m := range []struct {
		on  bool
		tag string
	}{{bold, "b"}, {italic, "i"}, {strike, "s"}, {code, "code"}} {
		if m.on {
			open += "<" + m.tag + ">"
			shut = "</" + m.tag + ">" + shut
		}
	}
	return open, shut
}

// live draws what mrkdwn made live. It is never a real link.
func (w *writer) live(s slackstub.Span) {
	if w.person {
		w.raw(`<span class="mention"`)
	} else {
		w.raw(`<span class="live" data-live="`, s.Kind.String(), `"`)
	}
	w.attr("data-target", s.Target)
	w.attr("title", s.Kind.String()+": "+s.Target)
	w.raw(`>`)
	switch s.Kind {
	case slackstub.SpanUser:
		w.text("@" + w.p.userName(s.Target, s.Text))
	case slackstub.SpanChannel:
		w.text("#" + w.p.channelName(s.Target, s.Text))
	case slackstub.SpanGroup:
		w.text("@" + w.p.groupName(s.Target, s.Text))
	case slackstub.SpanBroadcast:
		w.text("@" + strings.TrimPrefix(s.Text, "@"))
	default:
		w.text(s.Text)
	}
	w.raw(`</span>`)
}

func (p *page) userName(id, otherwise string) string {
	if u, ok := p.s.User(id); ok {
		return displayName(u)
	}
	return otherwise
}

func (p *page) channelName(id, otherwise string) string {
	for _, c := range p.s.Channels() {
		if c.ID == id {
			return c.Name
		}
	}
	return strings.TrimPrefix(otherwise, "#")
}

func (p *page) groupName(id, otherwise string) string {
	for _, g := range p.s.Groups() {
		if g.ID == id {
			return g.Handle
		}
	}
	return strings.TrimPrefix(otherwise, "@")
}

func (w *writer) richText(b obj) {
	for _, e := range list(b, "elements") {
		switch str(e, "type") {
		case "rich_text_preformatted":
			w.raw(`<pre class="pre">`)
			w.leaves(e)
			w.raw(`</pre>`)
		case "rich_text_quote":
			w.raw(`<blockquote>`)
			w.leaves(e)
			w.raw(`</blockquote>`)
		case "rich_text_list":
			w.richList(e)
		default:
			w.raw(`<div class="rich-section">`)
			w.leaves(e)
			w.raw(`</div>`)
		}
	}
}

func (w *writer) richList(e obj) {
	tag := "ul"
	if str(e, "style") == "ordered" {
		tag = "ol"
	}
	indent, _ := e["indent"].(float64)
	w.raw("<", tag, fmt.Sprintf(` class="indent-%d">`, min(max(int(indent), 0), 6)))
	for _, item := range list(e, "elements") {
		w.raw(`<li>`)
		w.leaves(item)
		w.raw(`</li>`)
	}
	w.raw("</", tag, ">")
}

// leaves renders running rich text. Mentions and links here were put by the
// app as elements; no text can become one, so they are not red.
func (w *writer) leaves(e obj) {
	for _, l := range list(e, "elements") {
		st, _ := l["style"].(obj)
		on := func(k string) bool { v, _ := st[k].(bool); return v }
		open, shut := marks(on("bold"), on("italic"), on("strike"), on("code"))
		w.raw(open)
		switch str(l, "type") {
		case "text":
			w.raw(`<span class="t">`)
			w.text(str(l, "text"))
			w.raw(`</span>`)
		case "link":
			w.link(l)
		case "user":
			w.mention("@" + w.p.userName(str(l, "user_id"), str(l, "user_id")))
		case "usergroup":
			w.mention("@" + w.p.groupName(str(l, "usergroup_id"), str(l, "usergroup_id")))
		case "channel":
			w.mention("#" + w.p.channelName(str(l, "channel_id"), str(l, "channel_id")))
		case "broadcast":
			w.mention("@" + str(l, "range"))
		case "emoji":
			w.text(emoji(str(l, "name")))
		case "date":
			w.date(l)
		}
		w.raw(shut)
	}
}

func (w *writer) link(l obj) {
	w.raw(`<span class="link"`)
	w.attr("title", str(l, "url"))
	w.raw(`>`)
	if t := str(l, "text"); t != "" {
		w.text(t)
	} else {
		w.text(str(l, "url"))
	}
	w.raw(`</span>`)
}

func (w *writer) mention(s string) {
	w.raw(`<span class="mention">`)
	w.text(s)
	w.raw(`</span>`)
}

func (w *writer) date(l obj) {
	if at, ok := l["timestamp"].(float64); ok {
		w.text(time.Unix(int64(at), 0).Format("Jan 2, 15:04"))
		return
	}
	w.text(str(l, "fallback"))
}

var emojiName = regexp.MustCompile(`:([a-z0-9_+-]+):`)

func withEmoji(s string) string {
	return emojiName.ReplaceAllStringFunc(s, func(m string) string { return emoji(strings.Trim(m, ":")) })
}

// emoji knows the few that an operations bot uses; others stay as written.
func emoji(name string) string {
	known := map[string]string{
		"white_check_mark": "✅", "heavy_check_mark": "✔️", "x": "❌", "warning": "⚠️", "rotating_light": "🚨", "fire": "🔥",
		"eyes": "👀", "hourglass_flowing_sand": "⏳", "hourglass": "⌛", "lock": "🔒", "unlock": "🔓", "key": "🔑", "wrench": "🔧",
		"hammer_and_wrench": "🛠️", "red_circle": "🔴", "large_green_circle": "🟢", "large_yellow_circle": "🟡", "large_blue_circle": "🔵",
		"large_orange_circle": "🟠", "white_circle": "⚪", "black_circle": "⚫", "no_entry": "⛔", "no_entry_sign": "🚫", "bulb": "💡",
		"memo": "📝", "mag": "🔍", "rocket": "🚀", "tada": "🎉", "leftwards_arrow_with_hook": "↩️", "rewind": "⏪", "robot_face": "🤖",
		"stopwatch": "⏱️", "clock1": "🕐", "arrows_counterclockwise": "🔄", "bust_in_silhouette": "👤", "busts_in_silhouette": "👥",
		"+1": "👍", "-1": "👎", "information_source": "ℹ️", "package": "📦", "shield": "🛡️", "bell": "🔔", "no_bell": "🔕", "wave": "👋",
		"gear": "⚙️", "chart_with_upwards_trend": "📈", "boom": "💥", "page_facing_up": "📄", "pushpin": "📌", "question": "❓",
	}
	if e, ok := known[name]; ok {
		return e
	}
	return ":" + name + ":"
}
