package slackstub

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Submit presses a modal's submit button. values go by action_id or by
// block_id: text for inputs, an option's value for selects, several joined by
// a comma for checkboxes. A required input left empty is refused here, as
// Slack's client does. What the app answers is applied when it acknowledges.
func (s *Server) Submit(user, viewID string, values map[string]string) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v, err := s.openView(user, viewID)
	if err != nil {
		return EnvelopeResult{}, err
	}
	blocks, _ := v.body["blocks"].([]any)
	state, errs, err := fillIn(blocks, values)
	if err != nil {
		return EnvelopeResult{}, err
	}
	if len(errs) > 0 {
		v.errors = errs
		s.publish(Event{Kind: ViewChanged, User: user})
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: the form is not complete: %v", errs)
	}
	v.state, v.errors, v.failed = state, nil, ""
	p := s.interactive("view_submission", u, "")
	p["view"] = s.viewJSON(v)
	p["response_urls"] = []any{}
	e := s.newEnvelope(TypeInteractive, "submit "+label(v), p)
	e.User, e.accepts = user, true
	e.onAck = func(payload obj) { s.applySubmission(v, payload) }
	e.onFail = func() {
		v.failed = "We had some trouble connecting. Try again?"
		s.publish(Event{Kind: ViewChanged, User: user})
	}
	return s.launch(e)
}

func label(v *view) string {
	if id, _ := v.body["callback_id"].(string); id != "" {
		return id
	}
	return v.id
}

// openView finds the visible modal of a person.
func (s *Server) openView(user, viewID string) (*User, *view, error) {
	u := s.users[user]
	stack := s.stacks[user]
	if u == nil || len(stack) == 0 || stack[len(stack)-1] != viewID {
		return nil, nil, fmt.Errorf("slack stand-in: %s does not see the modal %s", user, viewID)
	}
	return u, s.views[viewID], nil
}

// fillIn turns values into state.values, or tells what is missing.
func fillIn(blocks []any, values map[string]string) (state map[string]any, errs map[string]string, err error) {
	over := map[string]map[string]any{}
	errs = map[string]string{}
	used := map[string]bool{}
	for _, v := range blocks {
		b, _ := v.(obj)
		block, _ := b["block_id"].(string)
		for _, e := range elementsOf(b) {
			id, _ := e["action_id"].(string)
			text, given := values[id]
			used[id] = used[id] || given
			if !given {
				text, given = values[block]
				used[block] = used[block] || given
			}
			if given && text != "" {
				st, err := chosen(e, ClickOptions{Option: text, Options: strings.Split(text, ",")})
				if err != nil {
					return nil, nil, err
				}
				over[block] = map[string]any{id: st}
			}
			if why := incomplete(b, e, text, given); why != "" {
				errs[block] = why
			}
		}
	}
	for k := range values {
		if !used[k] {
			return nil, nil, fmt.Errorf("slack stand-in: the modal has no input %q", k)
		}
	}
	return stateOf(blocks, over), errs, nil
}

// incomplete is the check of Slack's own client before anything is sent.
func incomplete(b, e obj, text string, given bool) string {
	if b["type"] != "input" {
		return ""
	}
	hasInitial := e["initial_value"] != nil || e["initial_option"] != nil || e["initial_options"] != nil || e["initial_user"] != nil
	if optional, _ := b["optional"].(bool); text == "" {
		if optional || !given && hasInitial {
			return ""
		}
		return "Please complete this required field."
	}
	n := float64(utf8.RuneCountInString(text))
	if lo, ok := e["min_length"].(float64); ok && n < lo {
		return fmt.Sprintf("Please enter at least %.0f characters.", lo)
	}
	if hi, ok := e["max_length"].(float64); ok && n > hi {
		return fmt.Sprintf("Please enter at most %.0f characters.", hi)
	}
	return ""
}

// applySubmission does what the acknowledgement of a view_submission asks.
func (s *Server) applySubmission(v *view, payload obj) {
	defer func() { s.publish(Event{Kind: ViewChanged, User: v.user}) }()
	for k := range payload {
		if k != "response_action" && k != "errors" && k != "view" {
			s.problem("ack.unknown_field", "view_submission: "+k)
		}
	}
	action, _ := payload["response_action"].(string)
	switch action {
	case "":
		s.popView(v)
	case "clear":
		s.clearStack(v.user)
	case "errors":
		v.errors = map[string]string{}
		list, _ := payload["errors"].(obj)
		for block, text := range list {
			if !hasBlock(v, block) {
				s.problem("ack.errors_for_unknown_block", block)
			}
			v.errors[block], _ = text.(string)
		}
	case "update", "push":
		s.applyView(v, action, payload["view"])
	default:
		s.problem("ack.response_action", action)
	}
}

func (s *Server) applyView(v *view, action string, arg any) {
	body, e := s.parseView("response_action "+action, arg, surfaceModal)
	if e != nil {
		v.failed = "We had some trouble connecting. Try again?"
		return
	}
	switch {
	case action == "update":
		s.replaceView(v, body)
	case len(s.stacks[v.user]) >= viewStack:
		s.problem("ack.push_limit_reached", label(v))
	default:
		s.stackView(v.user, body, v)
	}
}

func hasBlock(v *view, id string) bool {
	blocks, _ := v.body["blocks"].([]any)
	for _, b := range blocks {
		if o, ok := b.(obj); ok && o["block_id"] == id {
			return true
		}
	}
	return false
}

func (s *Server) popView(v *view) {
	stack := s.stacks[v.user]
	if len(stack) > 0 && stack[len(stack)-1] == v.id {
		delete(s.views, v.id)
		s.stacks[v.user] = stack[:len(stack)-1]
	}
}

// CloseView dismisses the visible modal. The app hears of it only where the
// view asked with notify_on_close; otherwise the result is zero.
func (s *Server) CloseView(user, viewID string) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v, err := s.openView(user, viewID)
	if err != nil {
		return EnvelopeResult{}, err
	}
	all, _ := v.body["clear_on_close"].(bool)
	if all {
		s.clearStack(user)
	} else {
		s.popView(v)
	}
	s.publish(Event{Kind: ViewChanged, User: user})
	if tell, _ := v.body["notify_on_close"].(bool); !tell {
		return EnvelopeResult{}, nil
	}
	p := s.interactive("view_closed", u, "")
	delete(p, "trigger_id")
	p["view"], p["is_cleared"] = s.viewJSON(v), all
	e := s.newEnvelope(TypeInteractive, "close "+label(v), p)
	e.User = user
	return s.launch(e)
}

// ClickView presses an element inside the visible modal.
func (s *Server) ClickView(user, viewID, actionID string, o ClickOptions) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, v, err := s.openView(user, viewID)
	if err != nil {
		return EnvelopeResult{}, err
	}
	blocks, _ := v.body["blocks"].([]any)
	action, err := s.action(blocks, actionID, o)
	if err != nil {
		return EnvelopeResult{}, err
	}
	v.state = stateOf(blocks, o.State)
	p := s.interactive("block_actions", u, "")
	p["container"] = obj{"type": "view", "view_id": v.id}
	p["view"] = s.viewJSON(v)
	p["actions"] = []any{action}
	e := s.newEnvelope(TypeInteractive, actionID, p)
	e.User = user
	return s.launch(e)
}
