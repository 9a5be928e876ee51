package slackstub

import (
	"fmt"
	"slices"
)

type place int

const (
	inActions place = iota
	inSection
	inInput
)

func (c *checker) elements(ptr string, list []any, where place) {
	seen := map[string]bool{}
	for i, e := range list {
		at := fmt.Sprintf("%s/elements/%d", ptr, i)
		c.element(at, e, where)
		o, _ := e.(obj)
		if id, _ := o["action_id"].(string); id != "" {
			if seen[id] {
				c.bad(at+"/action_id", "action_id already exists in this block: %s", id)
			}
			seen[id] = true
		}
	}
}

// element checks an interactive element; ptr points at it.
func (c *checker) element(ptr string, v any, where place) {
	e, ok := c.object(ptr, v)
	if !ok {
		return
	}
	kind, _ := e["type"].(string)
	if kind != "image" {
		c.str(ptr, e, "action_id", 0, 255)
	}
	if (kind == "button" || kind == "overflow" || kind == "image") && where == inInput || kind == "image" && where == inActions {
		c.bad(ptr+"/type", "%s is not allowed here", kind)
	}
	common := []string{"action_id", "focus_on_load", "placeholder"}
	switch kind {
	case "button":
		c.button(ptr, e)
	case "image":
		c.contextElement(ptr, e)
	case "overflow":
		c.fields(ptr, e, "action_id", "options", "confirm")
		c.options(ptr, e, 5)
		c.confirm(ptr, e)
	case "checkboxes", "radio_buttons":
		c.fields(ptr, e, append(common, "options", "initial_option", "initial_options", "confirm")...)
		c.options(ptr, e, 10)
		c.confirm(ptr, e)
	case "static_select", "multi_static_select":
		c.staticSelect(ptr, e, common)
	case "users_select", "multi_users_select", "conversations_select", "multi_conversations_select", "channels_select",
		"datepicker", "timepicker":
		c.fields(ptr, e, append(common, "confirm", "initial_user", "initial_users", "initial_conversation", "initial_conversations",
			"initial_channel", "initial_date", "initial_time", "max_selected_items", "response_url_enabled", "filter",
			"default_to_current_conversation", "timezone")...)
		c.placeholder(ptr, e)
		c.confirm(ptr, e)
	case "plain_text_input", "number_input", "email_text_input", "url_text_input":
		c.textInput(ptr, e, kind, where, common)
	default:
		c.bad(ptr+"/type", "unsupported type: %s", kind)
	}
}

func (c *checker) button(ptr string, e obj) {
	c.fields(ptr, e, "action_id", "text", "value", "url", "style", "confirm", "accessibility_label", "visible_to_user_ids")
	c.text(ptr+"/text", e["text"], "plain_text", 75)
	c.str(ptr, e, "value", 0, 2000)
	c.str(ptr, e, "url", 0, 3000)
	c.str(ptr, e, "accessibility_label", 0, 75)
	if st, ok := e["style"]; ok && st != "primary" && st != "danger" {
		c.bad(ptr+"/style", "must be one of primary, danger")
	}
	c.confirm(ptr, e)
}

func (c *checker) confirm(ptr string, e obj) {
	v, ok := e["confirm"]
	if !ok || v == nil {
		return
	}
	ptr += "/confirm"
	o, ok := c.object(ptr, v)
	if !ok {
		return
	}
	c.fields(ptr, o, "title", "text", "confirm", "deny", "style")
	c.text(ptr+"/title", o["title"], "plain_text", 100)
	c.text(ptr+"/text", o["text"], "", 300)
	c.text(ptr+"/confirm", o["confirm"], "plain_text", 30)
	c.text(ptr+"/deny", o["deny"], "plain_text", 30)
}

func (c *checker) placeholder(ptr string, e obj) {
	c.optionalText(ptr, e, "placeholder", "plain_text", 150)
}

func (c *checker) staticSelect(ptr string, e obj, common []string) {
	c.fields(ptr, e, append(common, "options", "option_groups", "initial_option", "initial_options", "confirm", "max_selected_items")...)
	c.placeholder(ptr, e)
	c.confirm(ptr, e)
	groups, ok := e["option_groups"]
	if !ok {
		c.options(ptr, e, 100)
		return
	}
	for i, g := range c.list(ptr+"/option_groups", groups, 1, 100) {
		at := fmt.Sprintf("%s/option_groups/%d", ptr, i)
		if o, ok := c.object(at, g); ok {
			c.text(at+"/label", o["label"], "plain_text", 75)
			c.options(at, o, 100)
		}
	}
}

func (c *checker) options(ptr string, e obj, hi int) {
	for i, v := range c.list(ptr+"/options", e["options"], 1, hi) {
		at := fmt.Sprintf("%s/options/%d", ptr, i)
		o, ok := c.object(at, v)
		if !ok {
			continue
		}
		c.fields(at, o, "text", "value", "description", "url")
		c.text(at+"/text", o["text"], "", 75)
		c.str(at, o, "value", 1, 150)
		c.optionalText(at, o, "description", "", 75)
	}
}

func (c *checker) textInput(ptr string, e obj, kind string, where place, common []string) {
	known := append(slices.Clone(common), "initial_value", "dispatch_action_config")
	switch kind {
	case "plain_text_input":
		known = append(known, "multiline", "min_length", "max_length")
	case "number_input":
		known = append(known, "is_decimal_allowed", "min_value", "max_value")
		if _, ok := e["is_decimal_allowed"]; !ok {
			c.bad(ptr, "missing required field: is_decimal_allowed")
		}
	}
	c.fields(ptr, e, known...)
	c.placeholder(ptr, e)
	if where != inInput {
		c.bad(ptr+"/type", "%s is allowed in an input block only", kind)
	}
}
