package slackstub

import "strings"

// Element is an interactive element of a message or view.
type Element struct {
	Type, BlockID, ActionID string
	Text, Value, Style, URL string
	Confirm                 bool
	Options                 []string // values
}

// Elements returns the interactive elements in order.
func (m Message) Elements() []Element { return elements(m.Blocks) }

// Elements returns the interactive elements in order.
func (v View) Elements() []Element { return elements(v.Blocks) }

// Button returns the first element with the action id, or a zero Element.
func (m Message) Button(actionID string) Element {
	for _, e := range m.Elements() {
		if e.ActionID == actionID {
			return e
		}
	}
	return Element{}
}

func elements(blocks []any) []Element {
	var out []Element
	for _, v := range blocks {
		b, _ := v.(obj)
		for _, o := range elementsOf(b) {
			if o["type"] == "image" {
				continue
			}
			str := func(o obj, key string) string { s, _ := o[key].(string); return s }
			e := Element{Type: str(o, "type"), BlockID: str(b, "block_id"), ActionID: str(o, "action_id"),
				Value: str(o, "value"), Style: str(o, "style"), URL: str(o, "url"), Confirm: o["confirm"] != nil}
			if t, ok := o["text"].(obj); ok {
				e.Text = str(t, "text")
			}
			opts, _ := o["options"].([]any)
			for _, v := range opts {
				if oo, ok := v.(obj); ok {
					e.Options = append(e.Options, str(oo, "value"))
				}
			}
			out = append(out, e)
		}
	}
	return out
}

// PlainText is everything a reader of the message sees as text, block by block
// on lines of their own, with Slack's escapes undone. Where there are blocks,
// the top-level text is for notifications only and left out.
func (m Message) PlainText() string {
	if len(m.Blocks) == 0 {
		return unescape(m.Text)
	}
	var b strings.Builder
	for _, v := range m.Blocks {
		collect(&b, v)
		b.WriteByte('\n')
	}
	return strings.TrimSpace(b.String())
}

// collect walks blocks in reading order.
func collect(b *strings.Builder, v any) {
	switch t := v.(type) {
	case []any:
		for i, e := range t {
			if i > 0 && !leaf(e) {
				b.WriteByte('\n')
			}
			collect(b, e)
		}
	case obj:
		if s, ok := t["text"].(string); ok {
			if t["type"] == "mrkdwn" {
				s = unescape(s)
			}
			b.WriteString(s)
			return
		}
		for _, key := range []string{"text", "label", "fields", "elements", "accessory", "element", "hint"} {
			if e, ok := t[key]; ok {
				collect(b, e)
				if key == "text" && (t["fields"] != nil || t["accessory"] != nil) {
					b.WriteByte('\n')
				}
			}
		}
		if u, ok := t["user_id"].(string); ok {
			b.WriteString("<@" + u + ">")
		}
	}
}

// leaf tells a piece of running rich text from an element on a line of its own.
func leaf(v any) bool {
	o, _ := v.(obj)
	switch o["type"] {
	case "text", "link", "user", "usergroup", "channel", "emoji", "broadcast", "date", "team":
		return true
	}
	return false
}

func unescape(s string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
}
