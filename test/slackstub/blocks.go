package slackstub

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

type surface int

const (
	surfaceMessage surface = iota
	surfaceModal
	surfaceHome
)

// checker validates one message or view. What Slack would refuse becomes an
// error with a JSON pointer; what the stand-in does not know is only recorded.
type checker struct {
	where   surface
	errs    []string
	unknown []string
	ids     map[string]bool
	inputs  int
}

func (s *Server) checkBlocks(name string, blocks []any, where surface) *apiError {
	c := &checker{where: where, ids: map[string]bool{}}
	c.blocks("/blocks", blocks)
	for _, u := range c.unknown {
		s.problem("blocks.unknown", name+": "+u)
	}
	if len(c.errs) == 0 {
		return nil
	}
	s.problem("blocks.invalid", fmt.Sprintf("%s: %v", name, c.errs))
	if len(blocks) > 0 && len(encode(blocks)) > 250<<10 {
		return &apiError{code: "msg_blocks_too_long", errors: c.errs}
	}
	return &apiError{code: "invalid_blocks", errors: c.errs}
}

func (c *checker) bad(ptr, format string, a ...any) {
	c.errs = append(c.errs, fmt.Sprintf(format, a...)+" [json-pointer:"+ptr+"]")
}

// fields records fields that are not in the list.
func (c *checker) fields(ptr string, o obj, known ...string) {
	for k := range o {
		if k != "type" && !slices.Contains(known, k) {
			c.unknown = append(c.unknown, fmt.Sprintf("%v field %q at %s", o["type"], k, ptr))
		}
	}
}

func (c *checker) object(ptr string, v any) (obj, bool) {
	o, ok := v.(obj)
	if !ok {
		c.bad(ptr, "must provide an object")
	}
	return o, ok
}

func (c *checker) list(ptr string, v any, lo, hi int) []any {
	l, ok := v.([]any)
	switch {
	case !ok:
		c.bad(ptr, "must provide an array")
	case len(l) < lo:
		c.bad(ptr, "no fewer than %d items allowed", lo)
	case len(l) > hi:
		c.bad(ptr, "no more than %d items allowed", hi)
	}
	return l
}

// str checks a string field's length in characters; lo 0 makes it optional.
func (c *checker) str(ptr string, o obj, key string, lo, hi int) {
	v, there := o[key]
	if !there || v == nil {
		if lo > 0 {
			c.bad(ptr, "missing required field: %s", key)
		}
		return
	}
	t, ok := v.(string)
	if !ok {
		c.bad(ptr+"/"+key, "must be a string")
		return
	}
	c.length(ptr+"/"+key, t, lo, hi)
}

func (c *checker) length(ptr, t string, lo, hi int) {
	n := utf8.RuneCountInString(t)
	if n < lo {
		c.bad(ptr, "must be more than %d characters", lo-1)
	}
	if n > hi {
		c.bad(ptr, "must be less than %d characters", hi+1)
	}
}

// text checks a text object; only is "plain_text", "mrkdwn" or "" for either.
func (c *checker) text(ptr string, v any, only string, hi int) {
	if v == nil {
		c.bad(ptr, "missing required field: text")
		return
	}
	o, ok := c.object(ptr, v)
	if !ok {
		return
	}
	kind, _ := o["type"].(string)
	switch kind {
	case "plain_text":
		c.fields(ptr, o, "text", "emoji")
	case "mrkdwn":
		c.fields(ptr, o, "text", "verbatim")
	default:
		c.bad(ptr+"/type", "unsupported type: %q", kind)
	}
	if only != "" && kind != only {
		c.bad(ptr+"/type", "must be %s", only)
	}
	c.str(ptr, o, "text", 1, hi)
}

func (c *checker) optionalText(ptr string, o obj, key, only string, hi int) {
	if v, ok := o[key]; ok && v != nil {
		c.text(ptr+"/"+key, v, only, hi)
	}
}

func (c *checker) blocks(ptr string, blocks []any) {
	limit := 50
	if c.where != surfaceMessage {
		limit = 100
	}
	if len(blocks) > limit {
		c.bad(ptr, "no more than %d items allowed", limit)
	}
	for i, b := range blocks {
		c.block(fmt.Sprintf("%s/%d", ptr, i), b)
	}
}

func (c *checker) block(ptr string, v any) {
	b, ok := c.object(ptr, v)
	if !ok {
		return
	}
	c.str(ptr, b, "block_id", 0, 255)
	if id, _ := b["block_id"].(string); id != "" {
		if c.ids[id] {
			c.bad(ptr+"/block_id", "block_id already exists: %s", id)
		}
		c.ids[id] = true
	}
	switch kind, _ := b["type"].(string); kind {
	case "header":
		c.fields(ptr, b, "block_id", "text", "level")
		c.text(ptr+"/text", b["text"], "plain_text", 150)
	case "section":
		c.section(ptr, b)
	case "context":
		c.fields(ptr, b, "block_id", "elements")
		for i, e := range c.list(ptr+"/elements", b["elements"], 1, 10) {
			c.contextElement(fmt.Sprintf("%s/elements/%d", ptr, i), e)
		}
	case "divider":
		c.fields(ptr, b, "block_id")
	case "actions":
		c.fields(ptr, b, "block_id", "elements")
		c.elements(ptr, c.list(ptr+"/elements", b["elements"], 1, 25), inActions)
	case "input":
		c.input(ptr, b)
	case "image":
		c.fields(ptr, b, "block_id", "image_url", "alt_text", "title", "slack_file")
		c.str(ptr, b, "image_url", 1, 3000)
		c.str(ptr, b, "alt_text", 1, 2000)
		c.optionalText(ptr, b, "title", "plain_text", 2000)
	case "markdown":
		c.fields(ptr, b, "block_id", "text")
		c.str(ptr, b, "text", 1, 12000)
	case "rich_text":
		c.fields(ptr, b, "block_id", "elements")
		c.richText(ptr, b["elements"])
	default:
		c.bad(ptr+"/type", "unsupported type: %s", kind)
	}
}

func (c *checker) section(ptr string, b obj) {
	c.fields(ptr, b, "block_id", "text", "fields", "accessory", "expand")
	c.optionalText(ptr, b, "text", "", 3000)
	if f, ok := b["fields"]; ok {
		for i, t := range c.list(ptr+"/fields", f, 1, 10) {
			c.text(fmt.Sprintf("%s/fields/%d", ptr, i), t, "", 2000)
		}
	} else if b["text"] == nil {
		c.bad(ptr, "missing required field: text or fields")
	}
	if a, ok := b["accessory"]; ok && a != nil {
		c.element(ptr+"/accessory", a, inSection)
	}
}

func (c *checker) contextElement(ptr string, v any) {
	o, ok := c.object(ptr, v)
	if !ok {
		return
	}
	if o["type"] == "image" {
		c.fields(ptr, o, "image_url", "alt_text", "slack_file")
		c.str(ptr, o, "image_url", 1, 3000)
		c.str(ptr, o, "alt_text", 1, 2000)
		return
	}
	c.text(ptr, v, "", 3000)
}

func (c *checker) input(ptr string, b obj) {
	c.fields(ptr, b, "block_id", "label", "element", "hint", "optional", "dispatch_action")
	c.text(ptr+"/label", b["label"], "plain_text", 2000)
	c.optionalText(ptr, b, "hint", "plain_text", 2000)
	c.inputs++
	if b["element"] == nil {
		c.bad(ptr, "missing required field: element")
		return
	}
	c.element(ptr+"/element", b["element"], inInput)
}

// fillBlockIDs returns the blocks as Slack stores them: every block with an id,
// every interactive element with an action_id.
func (s *Server) fillBlockIDs(blocks []any) []any {
	if len(blocks) == 0 {
		return nil
	}
	out := make([]any, len(blocks))
	for i, v := range blocks {
		b := cloneJSON(v).(obj)
		if id, _ := b["block_id"].(string); id == "" {
			b["block_id"] = s.ident(5)
		}
		for _, e := range elementsOf(b) {
			if id, _ := e["action_id"].(string); id == "" && e["type"] != "image" {
				e["action_id"] = s.ident(5)
			}
		}
		out[i] = b
	}
	return out
}

// elementsOf returns a block's interactive elements, not copied.
func elementsOf(b obj) []obj {
	var out []obj
	add := func(v any) {
		if e, ok := v.(obj); ok {
			out = append(out, e)
		}
	}
	switch b["type"] {
	case "actions":
		l, _ := b["elements"].([]any)
		for _, e := range l {
			add(e)
		}
	case "section":
		add(b["accessory"])
	case "input":
		add(b["element"])
	}
	return out
}

func cloneJSON(v any) any {
	switch t := v.(type) {
	case obj:
		o := make(obj, len(t))
		for k, e := range t {
			o[k] = cloneJSON(e)
		}
		return o
	case []any:
		l := make([]any, len(t))
		for i, e := range t {
			l[i] = cloneJSON(e)
		}
		return l
	}
	return v
}
