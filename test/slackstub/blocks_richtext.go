package slackstub

import "fmt"

func (c *checker) richText(ptr string, v any) {
	for i, e := range c.list(ptr+"/elements", v, 1, 100) {
		at := fmt.Sprintf("%s/elements/%d", ptr, i)
		o, ok := c.object(at, e)
		if !ok {
			continue
		}
		switch kind, _ := o["type"].(string); kind {
		case "rich_text_section":
			c.fields(at, o, "elements")
			c.richLeaves(at, o["elements"])
		case "rich_text_quote":
			c.fields(at, o, "elements", "border")
			c.richLeaves(at, o["elements"])
		case "rich_text_preformatted":
			c.fields(at, o, "elements", "border", "language")
			c.preformatted(at, o["elements"])
		case "rich_text_list":
			c.richList(at, o)
		default:
			c.bad(at+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) richList(ptr string, o obj) {
	c.fields(ptr, o, "elements", "style", "indent", "offset", "border")
	if o["style"] != "bullet" && o["style"] != "ordered" {
		c.bad(ptr+"/style", "must be one of bullet, ordered")
	}
	for i, e := range c.list(ptr+"/elements", o["elements"], 1, 200) {
		at := fmt.Sprintf("%s/elements/%d", ptr, i)
		if s, ok := c.object(at, e); ok {
			if s["type"] != "rich_text_section" {
				c.bad(at+"/type", "must be rich_text_section")
			}
			c.fields(at, s, "elements")
			c.richLeaves(at, s["elements"])
		}
	}
}

// preformatted takes text and links only, and text without a style.
func (c *checker) preformatted(ptr string, v any) {
	for i, e := range c.list(ptr+"/elements", v, 0, 200) {
		at := fmt.Sprintf("%s/elements/%d", ptr, i)
		if o, ok := c.object(at, e); ok {
			if o["type"] != "text" && o["type"] != "link" {
				c.bad(at+"/type", "unsupported type in preformatted: %v", o["type"])
			}
			c.richLeaf(at, o)
		}
	}
}

func (c *checker) richLeaves(ptr string, v any) {
	for i, e := range c.list(ptr+"/elements", v, 0, 200) {
		at := fmt.Sprintf("%s/elements/%d", ptr, i)
		if o, ok := c.object(at, e); ok {
			c.richLeaf(at, o)
		}
	}
}

func (c *checker) richLeaf(ptr string, o obj) {
	need := func(key string, known ...string) {
		c.fields(ptr, o, append(known, key, "style")...)
		c.str(ptr, o, key, 1, 3000)
	}
	switch kind, _ := o["type"].(string); kind {
	case "text":
		need("text")
	case "link":
		need("url", "text", "unsafe")
	case "user":
		need("user_id")
	case "usergroup":
		need("usergroup_id")
	case "channel":
		need("channel_id")
	case "team":
		need("team_id")
	case "emoji":
		need("name", "unicode", "skin_tone", "display_team_id")
	case "broadcast":
		need("range")
	case "color":
		need("value")
	case "date":
		c.fields(ptr, o, "timestamp", "format", "url", "fallback", "style")
	default:
		c.bad(ptr+"/type", "unsupported type: %s", kind)
	}
	if st, ok := o["style"]; ok && st != nil {
		if so, ok := c.object(ptr+"/style", st); ok {
			c.fields(ptr+"/style", so, "bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink")
		}
	}
}
