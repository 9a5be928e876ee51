package page

import "html"

// element renders an interactive element of block b.
func (w *writer) element(b, e obj) {
	switch kind := str(e, "type"); kind {
	case "button":
		w.button(b, e)
	case "overflow":
		w.overflow(b, e)
	case "static_select", "users_select", "multi_static_select":
		w.selectBox(b, e, kind)
	case "radio_buttons", "checkboxes":
		w.choices(b, e, kind)
	case "plain_text_input", "number_input", "email_text_input", "url_text_input", "datepicker", "timepicker":
		w.textInput(b, e, kind)
	case "image":
		w.image(e)
	default:
		w.raw(`<span class="unknown">`)
		w.text("[" + kind + "]")
		w.raw(`</span>`)
	}
}

func (w *writer) button(b, e obj) {
	w.raw(`<button type="button" class="btn `, html.EscapeString(str(e, "style")), `" data-act="press"`)
	w.where(b, e)
	w.attr("data-value", str(e, "value"))
	if u := str(e, "url"); u != "" {
		w.attr("data-url", u)
		w.attr("title", u)
	}
	if l := str(e, "accessibility_label"); l != "" {
		w.attr("aria-label", l)
	}
	w.raw(`>`)
	w.textObject(e["text"])
	if str(e, "url") != "" {
		w.raw(` ↗`)
	}
	w.raw(`</button>`)
}

func (w *writer) overflow(b, e obj) {
	w.raw(`<details class="overflow"><summary class="btn" aria-label="More">⋯</summary><div class="menu">`)
	for _, o := range list(e, "options") {
		w.raw(`<button type="button" class="menu-item" data-act="press"`)
		w.where(b, e)
		w.attr("data-option", str(o, "value"))
		w.raw(`>`)
		w.textObject(o["text"])
		w.raw(`</button>`)
	}
	w.raw(`</div></details>`)
}

// formName marks what a modal's submit collects.
func (w *writer) formName(b, e obj) {
	if str(b, "type") == "input" {
		w.attr("data-input", str(e, "action_id"))
		w.attr("id", "in-"+str(b, "block_id"))
		return
	}
	w.attr("data-act", "choose")
	w.where(b, e)
}

func (w *writer) selectBox(b, e obj, kind string) {
	w.raw(`<select class="select"`)
	if kind == "multi_static_select" {
		w.raw(` multiple`)
	}
	w.formName(b, e)
	w.raw(`>`)
	initial, _ := e["initial_option"].(obj)
	if initial == nil && kind != "multi_static_select" {
		w.raw(`<option value="">`)
		if e["placeholder"] != nil {
			w.textObject(e["placeholder"])
		} else {
			w.text("Choose an option")
		}
		w.raw(`</option>`)
	}
	if kind == "users_select" {
		for _, u := range w.p.s.Users() {
			w.option(u.ID, displayName(u), str(e, "initial_user") == u.ID)
		}
	}
	w.options(list(e, "options"), initial)
	for _, g := range list(e, "option_groups") {
		label, _ := g["label"].(obj)
		w.raw(`<optgroup`)
		w.attr("label", str(label, "text"))
		w.raw(`>`)
		w.options(list(g, "options"), initial)
		w.raw(`</optgroup>`)
	}
	w.raw(`</select>`)
}

func (w *writer) options(opts []obj, initial obj) {
	for _, o := range opts {
		t, _ := o["text"].(obj)
		w.option(str(o, "value"), withEmoji(str(t, "text")), initial != nil && initial["value"] == o["value"])
	}
}

func (w *writer) option(value, label string, selected bool) {
	w.raw(`<option`)
	w.attr("value", value)
	if selected {
		w.raw(` selected`)
	}
	w.raw(`>`)
	w.text(label)
	w.raw(`</option>`)
}

func (w *writer) choices(b, e obj, kind string) {
	w.raw(`<div class="choices"`)
	w.formName(b, e)
	w.raw(`>`)
	initial, _ := e["initial_option"].(obj)
	chosen := map[any]bool{}
	if initial != nil {
		chosen[initial["value"]] = true
	}
	for _, o := range list(e, "initial_options") {
		chosen[o["value"]] = true
	}
	input := "checkbox"
	if kind == "radio_buttons" {
		input = "radio"
	}
	for _, o := range list(e, "options") {
		w.raw(`<label class="choice"><input type="`, input, `"`)
		w.attr("name", w.view+w.ts+str(b, "block_id")+str(e, "action_id"))
		w.attr("value", str(o, "value"))
		if chosen[o["value"]] {
			w.raw(` checked`)
		}
		w.raw(`><span>`)
		w.textObject(o["text"])
		if o["description"] != nil {
			w.raw(`<span class="choice-description">`)
			w.textObject(o["description"])
			w.raw(`</span>`)
		}
		w.raw(`</span></label>`)
	}
	w.raw(`</div>`)
}

func (w *writer) textInput(b, e obj, kind string) {
	initial := str(e, "initial_value") + str(e, "initial_date") + str(e, "initial_time")
	multiline, _ := e["multiline"].(bool)
	if multiline {
		w.raw(`<textarea class="input" rows="4"`)
	} else {
		types := map[string]string{"number_input": "number", "email_text_input": "email", "url_text_input": "url", "datepicker": "date", "timepicker": "time"}
		t := types[kind]
		if t == "" {
			t = "text"
		}
		w.raw(`<input class="input" type="`, t, `"`)
		w.attr("value", initial)
	}
	w.formName(b, e)
	if ph, ok := e["placeholder"].(obj); ok {
		w.attr("placeholder", str(ph, "text"))
	}
	w.raw(`>`)
	if multiline {
		w.text(initial)
		w.raw(`</textarea>`)
	}
}
