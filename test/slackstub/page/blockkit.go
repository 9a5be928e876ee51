package page

import (
	"encoding/json"
	"html"
	"html/template"
	"strings"

	"github.com/countersign-dev/countersign/test/slackstub"
)

type obj = map[string]any

// writer builds the HTML of one message or view. Everything that comes from
// outside goes through text or attr.
type writer struct {
	b strings.Builder
	p *page
	// view is the id of the modal, channel and ts of the message it is in.
	view, channel, ts string
	errors            map[string]string
	// person is set where a person wrote the text: what they mention, they may.
	person bool
}

func (w *writer) raw(parts ...string) {
	for _, s := range parts {
		w.b.WriteString(s)
	}
}

func (w *writer) text(s string) { w.b.WriteString(html.EscapeString(s)) }

func (w *writer) attr(name, value string) {
	w.raw(" ", name, `="`, html.EscapeString(value), `"`)
}

func str(o obj, key string) string { s, _ := o[key].(string); return s }

func list(o obj, key string) []obj {
	l, _ := o[key].([]any)
	out := make([]obj, 0, len(l))
	for _, v := range l {
		if e, ok := v.(obj); ok {
			out = append(out, e)
		}
	}
	return out
}

// body renders a message: its blocks, or its text where it has none.
func (p *page) body(m slackstub.Message) template.HTML {
	w := &writer{p: p, channel: m.Channel, ts: m.TS, person: m.BotID == ""}
	switch {
	case len(m.Blocks) > 0:
		w.blocks(m.Blocks)
	case m.Mrkdwn:
		w.mrkdwn(m.Text, m.AutoLink())
	default:
		w.plain(m.Text)
	}
	for _, f := range m.Files {
		if o, ok := f.(obj); ok {
			w.file(o)
		}
	}
	return template.HTML(w.b.String())
}

func (p *page) viewBody(v slackstub.View) template.HTML {
	w := &writer{p: p, view: v.ID, errors: v.Errors}
	w.blocks(v.Blocks)
	return template.HTML(w.b.String())
}

func (w *writer) file(o obj) {
	w.raw(`<div class="file"><div class="file-name">📄 `)
	w.text(str(o, "title"))
	w.raw(`</div><pre class="pre">`)
	w.text(str(o, "preview"))
	w.raw(`</pre></div>`)
}

func (w *writer) blocks(blocks []any) {
	for _, v := range blocks {
		if b, ok := v.(obj); ok {
			w.block(b)
		}
	}
}

func (w *writer) block(b obj) {
	kind := str(b, "type")
	w.raw(`<div class="block block-`, html.EscapeString(kind), `"`)
	w.attr("data-block-id", str(b, "block_id"))
	w.raw(">")
	switch kind {
	case "header":
		w.raw(`<h3>`)
		w.textObject(b["text"])
		w.raw(`</h3>`)
	case "section":
		w.section(b)
	case "context":
		for _, e := range list(b, "elements") {
			w.raw(`<span class="context-item">`)
			if str(e, "type") == "image" {
				w.image(e)
			} else {
				w.textObject(e)
			}
			w.raw(`</span>`)
		}
	case "divider":
		w.raw(`<hr>`)
	case "actions":
		for _, e := range list(b, "elements") {
			w.element(b, e)
		}
	case "input":
		w.input(b)
	case "image":
		w.image(b)
	case "markdown":
		w.plain(str(b, "text"))
	case "rich_text":
		w.richText(b)
	}
	w.raw(`</div>`)
}

func (w *writer) section(b obj) {
	w.raw(`<div class="section-main">`)
	if b["text"] != nil {
		w.raw(`<div class="section-text">`)
		w.textObject(b["text"])
		w.raw(`</div>`)
	}
	if f := list(b, "fields"); len(f) > 0 {
		w.raw(`<div class="fields">`)
		for _, t := range f {
			w.raw(`<div class="field">`)
			w.textObject(t)
			w.raw(`</div>`)
		}
		w.raw(`</div>`)
	}
	w.raw(`</div>`)
	if a, ok := b["accessory"].(obj); ok {
		w.raw(`<div class="accessory">`)
		w.element(b, a)
		w.raw(`</div>`)
	}
}

// image shows the alternative text: the page loads nothing from elsewhere.
func (w *writer) image(e obj) {
	w.raw(`<span class="image" role="img">🖼 `)
	w.text(str(e, "alt_text"))
	w.raw(`</span>`)
}

func (w *writer) textObject(v any) {
	o, _ := v.(obj)
	if str(o, "type") == "mrkdwn" {
		w.mrkdwn(str(o, "text"), slackstub.TextObjectAutoLink(o))
		return
	}
	w.plain(str(o, "text"))
}

// plain keeps line breaks and turns :names: into emoji.
func (w *writer) plain(s string) {
	w.raw(strings.ReplaceAll(html.EscapeString(withEmoji(s)), "\n", "<br>"))
}

func (w *writer) input(b obj) {
	e, _ := b["element"].(obj)
	id := str(b, "block_id")
	w.raw(`<label class="label"`)
	w.attr("for", "in-"+id)
	w.raw(`>`)
	w.textObject(b["label"])
	if opt, _ := b["optional"].(bool); opt {
		w.raw(` <span class="optional">(optional)</span>`)
	}
	w.raw(`</label>`)
	w.element(b, e)
	if why := w.errors[id]; why != "" {
		w.raw(`<div class="field-error" role="alert">`)
		w.text(why)
		w.raw(`</div>`)
	}
	if b["hint"] != nil {
		w.raw(`<div class="hint">`)
		w.textObject(b["hint"])
		w.raw(`</div>`)
	}
}

// where marks an interactive element so that the script, and a browser test,
// can tell what it is.
func (w *writer) where(b, e obj) {
	w.attr("data-action-id", str(e, "action_id"))
	w.attr("data-in-block", str(b, "block_id"))
	if w.view != "" {
		w.attr("data-view", w.view)
	} else {
		w.attr("data-channel", w.channel)
		w.attr("data-ts", w.ts)
	}
	if c, ok := e["confirm"].(obj); ok {
		w.attr("data-confirm", w.confirm(c))
	}
}

// confirm packs the dialog for the script, its text already rendered here.
func (w *writer) confirm(c obj) string {
	part := func(key string) string {
		in := &writer{p: w.p}
		in.textObject(c[key])
		return in.b.String()
	}
	b, err := json.Marshal(map[string]string{"title": part("title"), "text": part("text"), "confirm": part("confirm"),
		"deny": part("deny"), "style": str(c, "style")})
	if err != nil {
		return ""
	}
	return string(b)
}
