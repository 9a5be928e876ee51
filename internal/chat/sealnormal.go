package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"unicode"
)

// normalForm is what blocks say, without what Slack changes on its way: default
// fields, block ids that it fills in, escapes, emoji and how rich text is cut
// into pieces. The approval block and the buttons are kept word by word, every
// other block by its letters and digits.
func normalForm(blocks json.RawMessage) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(blocks))
	dec.UseNumber()
	var list []map[string]any
	if err := dec.Decode(&list); err != nil {
		return "", fmt.Errorf("decode blocks: %w", err)
	}
	var b strings.Builder
	for _, block := range list {
		id, kind := str(block, "block_id"), str(block, "type")
		switch {
		case kind == "actions":
			fmt.Fprintf(&b, "actions %s\n", wordForm(without(block, "block_id")))
		case strings.HasPrefix(id, approvalName):
			fmt.Fprintf(&b, "approval %q %s\n", kind, wordForm(without(block, "block_id", "type")))
		default:
			fmt.Fprintf(&b, "%q %q\n", kind, squash(looseForm(block)))
		}
	}
	return b.String(), nil
}

// wordForm writes every text, value and date of v in order.
func wordForm(v any) string {
	var b strings.Builder
	write := func(s string) { fmt.Fprintf(&b, "%q ", s) }
	var walk func(v any)
	walk = func(v any) {
		switch t := v.(type) {
		case []any:
			b.WriteString("[ ")
			run := ""
			for _, e := range t {
				if text, ok := textLeaf(e); ok {
					run += text // pieces of one text are one text
					continue
				}
				if run != "" {
					write(unescape(run))
					run = ""
				}
				walk(e)
			}
			if run != "" {
				write(unescape(run))
			}
			b.WriteString("] ")
		case map[string]any:
			for _, key := range sortedKeys(t) {
				if defaulted(key, t[key]) {
					continue
				}
				write(key)
				walk(t[key])
			}
		case string:
			write(unescape(t))
		default:
			write(fmt.Sprint(t))
		}
	}
	walk(v)
	return b.String()
}

// textLeaf is the text of a piece of rich text that is nothing but text. Its
// style does not change what it says, unless it strikes it out.
func textLeaf(v any) (string, bool) {
	o, ok := v.(map[string]any)
	if !ok || str(o, "type") != "text" {
		return "", false
	}
	text, ok := o["text"].(string)
	for key := range o {
		ok = ok && (key == "type" || key == "text" || key == "style")
	}
	if style, styled := o["style"].(map[string]any); styled && style["strike"] == true {
		ok = false
	}
	return text, ok
}

// defaulted reports whether a field may come and go without changing anything.
func defaulted(key string, v any) bool {
	switch key {
	case "emoji", "verbatim":
		return true
	case "border", "indent", "offset":
		return fmt.Sprint(v) == "0"
	}
	return v == nil
}

// looseForm strings together what a block says, with the addresses it links to.
func looseForm(v any) string {
	switch t := v.(type) {
	case []any:
		var b strings.Builder
		for _, e := range t {
			b.WriteString(looseForm(e))
		}
		return b.String()
	case map[string]any:
		if str(t, "type") == "emoji" {
			return ""
		}
		var b strings.Builder
		for _, key := range sortedKeys(t) {
			if key != "block_id" && key != "type" && key != "style" {
				b.WriteString(looseForm(t[key]))
			}
		}
		return b.String()
	case string:
		return unescape(t)
	}
	return ""
}

var shortcode = regexp.MustCompile(`:[a-z0-9_+'-]+:`)

func squash(s string) string {
	s = shortcode.ReplaceAllString(s, "")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// unescape undoes Slack's escapes as often as there are any, on both sides of
// the comparison.
func unescape(s string) string {
	for strings.Contains(s, "&") {
		next := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func str(o map[string]any, key string) string {
	s, _ := o[key].(string)
	return s
}

func without(o map[string]any, keys ...string) map[string]any {
	out := make(map[string]any, len(o))
	for k, v := range o {
		out[k] = v
	}
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

func sortedKeys(o map[string]any) []string {
	keys := make([]string, 0, len(o))
	for k := range o {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
