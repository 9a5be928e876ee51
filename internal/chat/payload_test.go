package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/redact"
)

// valid checks a card against the limits that Slack documents, and that nothing
// on it is live: no mrkdwn, no link, no mention.
func valid(raw []byte, text redact.Text) error {
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return err
	}
	if len(blocks) == 0 || len(blocks) > 50 {
		return fmt.Errorf("%d blocks", len(blocks))
	}
	ids := map[string]bool{}
	for n, b := range blocks {
		id := str(b, "block_id")
		if id == "" || len(id) > 255 || ids[id] {
			return fmt.Errorf("block %d: block_id %q is missing, too long or there twice", n, id)
		}
		ids[id] = true
		if err := validBlock(b); err != nil {
			return fmt.Errorf("block %d (%s): %w", n, id, err)
		}
	}
	if n := utf8.RuneCountInString(escape(text.Truncate(maxText))); n == 0 || n > 4000 {
		return fmt.Errorf("the notification has %d characters", n)
	}
	if len(raw) > 60<<10 {
		return fmt.Errorf("the card has %d bytes", len(raw))
	}
	return nil
}

func validBlock(b map[string]any) error {
	switch str(b, "type") {
	case "header":
		return validPlain(b["text"], 150)
	case "context":
		for _, e := range b["elements"].([]any) {
			if err := validPlain(e, 3000); err != nil {
				return err
			}
		}
		return nil
	case "divider":
		return nil
	case "rich_text":
		return validRich(b["elements"])
	case "actions":
		return validButtons(b["elements"].([]any))
	}
	return fmt.Errorf("a block of type %q", str(b, "type"))
}

func validPlain(v any, most int) error {
	o, _ := v.(map[string]any)
	text := str(o, "text")
	switch n := utf8.RuneCountInString(text); {
	case str(o, "type") != "plain_text":
		return fmt.Errorf("text of type %q", str(o, "type"))
	case n < 1 || n > most:
		return fmt.Errorf("a text of %d characters, at most %d", n, most)
	case strings.ContainsAny(text, "<>&"):
		return fmt.Errorf("markup in a plain text: %q", text)
	}
	return nil
}

func validRich(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > 100 {
		return errors.New("rich text without elements, or with too many")
	}
	for _, e := range list {
		o, _ := e.(map[string]any)
		inner, _ := o["elements"].([]any)
		if len(inner) == 0 {
			return fmt.Errorf("%s without elements", str(o, "type"))
		}
		switch kind := str(o, "type"); kind {
		case "rich_text_list":
			if err := validRich(inner); err != nil {
				return err
			}
		case "rich_text_section", "rich_text_preformatted":
			for _, l := range inner {
				if err := validLeaf(l, kind); err != nil {
					return err
				}
			}
		default:
			return fmt.Errorf("a rich text element of type %q", kind)
		}
	}
	return nil
}

func validLeaf(v any, in string) error {
	o, _ := v.(map[string]any)
	switch kind := str(o, "type"); {
	case kind == "text":
		if n := utf8.RuneCountInString(str(o, "text")); n < 1 || n > 3000 {
			return fmt.Errorf("a leaf of %d characters", n)
		}
		if !utf8.ValidString(str(o, "text")) {
			return errors.New("a leaf that is not UTF-8")
		}
	case kind == "date" && in == "rich_text_section":
	default:
		return fmt.Errorf("a live element of type %q", kind)
	}
	return nil
}

// validForm checks a form against Slack's limits, and that nothing on it is live.
func validForm(raw []byte) error {
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	for _, key := range []string{"title", "submit", "close"} {
		if err := validPlain(v[key], 24); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if n := utf8.RuneCountInString(str(v, "private_metadata")); n == 0 || n > 3000 {
		return fmt.Errorf("%d characters of metadata", n)
	}
	for _, b := range v["blocks"].([]any) {
		block := b.(map[string]any)
		if str(block, "type") != "input" {
			if err := validBlock(block); err != nil {
				return err
			}
			continue
		}
		if err := validPlain(block["label"], 2000); err != nil {
			return err
		}
		if e, _ := block["element"].(map[string]any); str(e, "type") != "plain_text_input" || str(e, "action_id") != str(block, "block_id") {
			return fmt.Errorf("a field %v", e)
		}
	}
	return nil
}

func validButtons(list []any) error {
	if len(list) == 0 || len(list) > 25 {
		return fmt.Errorf("%d buttons", len(list))
	}
	for _, e := range list {
		o, _ := e.(map[string]any)
		if str(o, "type") != "button" || verbOf(str(o, "action_id")) == "" {
			return fmt.Errorf("an element %q", str(o, "action_id"))
		}
		if _, _, ok := parseValue(str(o, "value")); !ok || len(str(o, "value")) > 80 {
			return fmt.Errorf("a button's value %q", str(o, "value"))
		}
		if err := validPlain(o["text"], 75); err != nil {
			return err
		}
		for key := range o {
			if !strings.Contains(" type action_id value text style confirm ", " "+key+" ") {
				return fmt.Errorf("a button with %s", key)
			}
		}
		if confirm, ok := o["confirm"].(map[string]any); ok {
			for key, most := range map[string]int{"title": 100, "text": 300, "confirm": 30, "deny": 30} {
				if err := validPlain(confirm[key], most); err != nil {
					return fmt.Errorf("confirm %s: %w", key, err)
				}
			}
		}
	}
	return nil
}

// readable is the card as a person reads it.
func readable(t testing.TB, raw []byte) string {
	t.Helper()
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, block := range blocks {
		switch str(block, "type") {
		case "header":
			fmt.Fprintf(&b, "= %s\n", leafText(block["text"]))
		case "context":
			fmt.Fprintf(&b, "~ %s\n", leafText(block["elements"].([]any)[0]))
		case "divider":
			b.WriteString("----\n")
		case "actions":
			for _, e := range block["elements"].([]any) {
				o := e.(map[string]any)
				fmt.Fprintf(&b, "[%s]", leafText(o["text"]))
				if confirm, ok := o["confirm"].(map[string]any); ok {
					fmt.Fprintf(&b, " (asks: %s %s)", leafText(confirm["title"]), leafText(confirm["text"]))
				}
				b.WriteByte('\n')
			}
		case "rich_text":
			b.WriteString(richLines(block["elements"].([]any), ""))
		}
	}
	return b.String()
}

func leafText(v any) string {
	o, _ := v.(map[string]any)
	if str(o, "type") == "date" {
		return str(o, "fallback")
	}
	text := str(o, "text")
	if style, ok := o["style"].(map[string]any); ok && style["bold"] == true {
		return "*" + text + "*"
	}
	return text
}

func richLines(list []any, lead string) string {
	var b strings.Builder
	for n, e := range list {
		o, _ := e.(map[string]any)
		inner, _ := o["elements"].([]any)
		switch str(o, "type") {
		case "rich_text_list":
			b.WriteString(richLines(inner, map[string]string{"ordered": "# ", "bullet": "- "}[str(o, "style")]))
			continue
		case "rich_text_preformatted":
			text := ""
			for _, l := range inner {
				text += leafText(l)
			}
			fmt.Fprintf(&b, "  | %s\n", strings.ReplaceAll(text, "\n", "\n  | "))
			continue
		}
		text := ""
		for _, l := range inner {
			text += leafText(l)
		}
		mark := lead
		if lead == "# " {
			mark = fmt.Sprintf("%d. ", n+1)
		}
		b.WriteString(mark + text + "\n")
	}
	return b.String()
}
