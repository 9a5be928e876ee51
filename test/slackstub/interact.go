package slackstub

import (
	"fmt"
	"slices"
)

// ClickOptions narrow down and complete a Click.
type ClickOptions struct {
	// BlockID and Value choose among elements with the same action_id.
	BlockID, Value string
	// Option is the value of the option chosen in a select, radio or overflow.
	Option string
	// Options are the values chosen in checkboxes and multi selects.
	Options []string
	// State overrides state.values: block_id → action_id → element state.
	State map[string]map[string]any
	// Anyone lets a person click who is not in the channel.
	Anyone bool
}

// Click presses the element actionID of a message as user and returns as soon
// as the envelope is on its way; see WaitAck. The payload is built from the
// stored message. With no connection open it returns ErrNoConnection.
func (s *Server) Click(user, channel, ts, actionID string, o ClickOptions) (EnvelopeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c := s.users[user], s.channels[channel]
	if u == nil || c == nil {
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: no user %s or no channel %s", user, channel)
	}
	m := c.find(ts)
	switch {
	case m == nil:
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: no message %s in %s", ts, channel)
	case m.Ephemeral && m.EphemeralTo != user:
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: %s does not see the ephemeral message %s", user, ts)
	case !o.Anyone && !c.has(user):
		return EnvelopeResult{}, fmt.Errorf("slack stand-in: %s is not in %s", user, channel)
	}
	action, err := s.action(m.Blocks, actionID, o)
	if err != nil {
		return EnvelopeResult{}, err
	}
	container := obj{"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": m.Ephemeral}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	p := s.interactive("block_actions", u, c.ID)
	p["container"] = container
	p["channel"] = obj{"id": c.ID, "name": c.displayName()}
	p["message"] = s.messageJSON(m)
	p["state"] = obj{"values": stateOf(m.Blocks, o.State)}
	p["response_url"] = s.newResponseURL(c.ID, user, m.TS)
	p["actions"] = []any{action}
	e := s.newEnvelope(TypeInteractive, actionID, p)
	e.User, e.Channel, e.TS = user, c.ID, m.TS
	return s.launch(e)
}

// launch delivers what a person did, and fails at once without a connection.
func (s *Server) launch(e *envelope) (EnvelopeResult, error) {
	if s.pick(nil) == nil {
		s.unacknowledged(e)
		return e.EnvelopeResult, ErrNoConnection
	}
	s.deliver(e)
	return e.EnvelopeResult, nil
}

func (c *channel) displayName() string {
	switch {
	case c.IsIM:
		return "directmessage"
	case c.IsPrivate:
		return "privategroup"
	}
	return c.Name
}

// interactive holds what every interactive payload has. team is where the app
// is installed; only user.id with user.team_id tell who acted.
func (s *Server) interactive(kind string, u *User, channel string) obj {
	return obj{"type": kind, "team": obj{"id": TeamID, "domain": TeamDomain}, "enterprise": nil, "is_enterprise_install": false,
		"user":       obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID},
		"api_app_id": AppID, "token": "deprecated-verification", "trigger_id": s.newTrigger(u.ID, channel)}
}

// action builds an entry of actions[] for an element of the blocks.
func (s *Server) action(blocks []any, actionID string, o ClickOptions) (obj, error) {
	for _, v := range blocks {
		b, _ := v.(obj)
		for _, e := range elementsOf(b) {
			if e["action_id"] != actionID || o.BlockID != "" && b["block_id"] != o.BlockID || o.Value != "" && e["value"] != o.Value {
				continue
			}
			a := obj{"type": e["type"], "action_id": actionID, "block_id": b["block_id"], "action_ts": s.actionTS()}
			switch e["type"] {
			case "button":
				for _, k := range []string{"text", "value", "style"} {
					if e[k] != nil {
						a[k] = e[k]
					}
				}
			default:
				state, err := chosen(e, o)
				if err != nil {
					return nil, err
				}
				for k, v := range state {
					a[k] = v
				}
			}
			return a, nil
		}
	}
	return nil, fmt.Errorf("slack stand-in: no element %s to press", actionID)
}

func (s *Server) actionTS() string {
	us := s.clock.Now().UnixMicro()
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

// chosen is the state of an element after a person chose in it.
func chosen(e obj, o ClickOptions) (obj, error) {
	kind, _ := e["type"].(string)
	switch kind {
	case "static_select", "overflow", "radio_buttons":
		opt := option(e, o.Option)
		if opt == nil {
			return nil, fmt.Errorf("slack stand-in: %v has no option %q", e["action_id"], o.Option)
		}
		return obj{"type": kind, "selected_option": opt}, nil
	case "checkboxes", "multi_static_select":
		list := []any{}
		for _, v := range o.Options {
			opt := option(e, v)
			if opt == nil {
				return nil, fmt.Errorf("slack stand-in: %v has no option %q", e["action_id"], v)
			}
			list = append(list, opt)
		}
		return obj{"type": kind, "selected_options": list}, nil
	}
	fields := map[string]string{"users_select": "selected_user", "conversations_select": "selected_conversation",
		"channels_select": "selected_channel", "datepicker": "selected_date", "timepicker": "selected_time",
		"plain_text_input": "value", "number_input": "value", "email_text_input": "value", "url_text_input": "value"}
	if f := fields[kind]; f != "" {
		out := obj{"type": kind, f: nil}
		if o.Option != "" {
			out[f] = o.Option
		}
		return out, nil
	}
	return nil, fmt.Errorf("slack stand-in: cannot choose in a %s", kind)
}

func option(e obj, value string) obj {
	var all []any
	all, _ = e["options"].([]any)
	groups, _ := e["option_groups"].([]any)
	for _, g := range groups {
		o, _ := g.(obj)
		l, _ := o["options"].([]any)
		all = append(slices.Clone(all), l...)
	}
	for _, v := range all {
		if o, ok := v.(obj); ok && o["value"] == value {
			return o
		}
	}
	return nil
}

// stateOf is state.values of a message or view: initial values, overridden.
func stateOf(blocks []any, over map[string]map[string]any) obj {
	values := obj{}
	set := func(block, action string, v any) {
		if values[block] == nil {
			values[block] = obj{}
		}
		values[block].(obj)[action] = v
	}
	for _, v := range blocks {
		b, _ := v.(obj)
		block, _ := b["block_id"].(string)
		for _, e := range elementsOf(b) {
			kind, _ := e["type"].(string)
			id, _ := e["action_id"].(string)
			if kind == "button" || kind == "overflow" || kind == "image" {
				continue
			}
			set(block, id, initial(e, kind))
		}
	}
	for block, m := range over {
		for id, v := range m {
			set(block, id, v)
		}
	}
	return values
}

func initial(e obj, kind string) obj {
	switch kind {
	case "static_select", "radio_buttons":
		return obj{"type": kind, "selected_option": e["initial_option"]}
	case "checkboxes", "multi_static_select":
		list, _ := e["initial_options"].([]any)
		return obj{"type": kind, "selected_options": append([]any{}, list...)}
	}
	out, err := chosen(e, ClickOptions{})
	if err != nil {
		return obj{"type": kind}
	}
	for from, to := range map[string]string{"initial_value": "value", "initial_user": "selected_user", "initial_date": "selected_date",
		"initial_time": "selected_time", "initial_conversation": "selected_conversation", "initial_channel": "selected_channel"} {
		if v, ok := e[from]; ok {
			out[to] = v
		}
	}
	return out
}
