package slackstub

import (
	"slices"
	"strconv"
	"strings"
)

func (s *Server) conversationJSON(c *channel) obj {
	o := obj{"id": c.ID, "created": int64(1700000000), "is_archived": c.IsArchived, "is_im": c.IsIM,
		"is_org_shared": false, "context_team_id": TeamID, "updated": int64(1700000000000)}
	if c.IsIM {
		o["user"] = c.Members[0]
		o["is_user_deleted"] = s.users[c.Members[0]] != nil && s.users[c.Members[0]].Deleted
		return o
	}
	for k, v := range map[string]any{
		"name": c.Name, "name_normalized": c.Name, "is_channel": !c.IsPrivate, "is_group": c.IsPrivate, "is_mpim": false,
		"is_private": c.IsPrivate, "is_general": c.ID == ChannelGeneral, "unlinked": 0,
		// is_shared also covers sharing inside one organisation.
		"is_shared": c.IsExtShared, "is_ext_shared": c.IsExtShared, "is_pending_ext_shared": false,
		"pending_shared": []any{}, "parent_conversation": nil, "creator": Alice, "is_member": c.has(BotUserID),
		"topic":          obj{"value": c.Topic, "creator": Alice, "last_set": int64(1700000000)},
		"purpose":        obj{"value": "", "creator": "", "last_set": 0},
		"previous_names": []any{},
	} {
		o[k] = v
	}
	return o
}

// readable finds a conversation that the bot may know of.
func (s *Server) readable(id string) (*channel, *apiError) {
	c := s.channels[id]
	if c == nil || c.IsPrivate && !c.has(BotUserID) {
		return nil, fail("channel_not_found")
	}
	need := "channels:read"
	if c.IsPrivate {
		need = "groups:read"
	}
	if !c.IsIM && !s.scopes[need] {
		return nil, &apiError{code: "missing_scope", extra: obj{"needed": need, "provided": strings.Join(s.cfg.Scopes, ",")}}
	}
	return c, nil
}

func (s *Server) conversationInfo(a args) (obj, *apiError) {
	c, e := s.readable(a.str("channel"))
	if e != nil {
		return nil, e
	}
	o := s.conversationJSON(c)
	if a.bool("include_num_members") {
		o["num_members"] = len(c.Members)
	}
	return obj{"channel": o}, nil
}

func (s *Server) conversationList(a args) (obj, *apiError) {
	types := a.str("types")
	if types == "" {
		types = "public_channel"
	}
	var out []any
	for _, id := range s.chanIDs {
		c := s.channels[id]
		kind := "public_channel"
		switch {
		case c.IsIM:
			kind = "im"
		case c.IsPrivate:
			kind = "private_channel"
		}
		hidden := c.IsPrivate && !c.has(BotUserID) || c.IsArchived && a.bool("exclude_archived")
		if !hidden && slices.Contains(strings.Split(types, ","), kind) {
			out = append(out, s.conversationJSON(c))
		}
	}
	page, cursor, e := paged(out, a)
	return obj{"channels": page, "response_metadata": obj{"next_cursor": cursor}}, e
}

func (s *Server) conversationMembers(a args) (obj, *apiError) {
	c, e := s.readable(a.str("channel"))
	if e != nil {
		return nil, e
	}
	var ids []any
	for _, m := range c.Members {
		ids = append(ids, m)
	}
	page, cursor, e := paged(ids, a)
	return obj{"members": page, "response_metadata": obj{"next_cursor": cursor}}, e
}

func (s *Server) conversationOpen(a args) (obj, *apiError) {
	var c *channel
	opened := false
	switch ids := strings.Split(a.str("users"), ","); {
	case a.str("channel") != "":
		if c = s.channels[a.str("channel")]; c == nil || !c.IsIM {
			return nil, fail("channel_not_found")
		}
		opened = true
	case a.str("users") == "":
		return nil, fail("users_list_not_supplied")
	case len(ids) > 1:
		return nil, fail("method_not_supported_for_channel_type")
	default:
		u := s.users[ids[0]]
		if u == nil {
			return nil, fail("user_not_found")
		}
		if u.Deleted {
			return nil, fail("user_disabled")
		}
		if u.IsBot {
			return nil, fail("cannot_dm_bot")
		}
		opened = s.channels["D"+u.ID[1:]] != nil
		c = s.dm(u.ID)
	}
	out := obj{"channel": obj{"id": c.ID}}
	if opened {
		out["no_op"], out["already_open"] = true, true
	}
	if a.bool("return_im") {
		out["channel"] = s.conversationJSON(c)
	}
	return out, nil
}

func (s *Server) conversationHistory(a args) (obj, *apiError) {
	c := s.channels[a.str("channel")]
	if c == nil {
		return nil, fail("channel_not_found")
	}
	if !c.has(BotUserID) {
		return nil, fail("not_in_channel")
	}
	var out []any
	for _, m := range slices.Backward(c.messages) { // newest first
		if visible(m, a) && (m.ThreadTS == "" || m.Broadcast) {
			out = append(out, s.messageJSON(m))
		}
	}
	return messagesPage(out, a)
}

func (s *Server) conversationReplies(a args) (obj, *apiError) {
	c := s.channels[a.str("channel")]
	if c == nil {
		return nil, fail("channel_not_found")
	}
	p := c.find(a.str("ts"))
	if p == nil {
		return nil, fail("thread_not_found")
	}
	root := p.TS
	if p.ThreadTS != "" {
		root = p.ThreadTS
	}
	var out []any
	for _, m := range c.messages {
		if m.TS == root || m.ThreadTS == root && visible(m, a) {
			out = append(out, s.messageJSON(m))
		}
	}
	return messagesPage(out, a)
}

func messagesPage(all []any, a args) (obj, *apiError) {
	page, cursor, e := paged(all, a)
	out := obj{"messages": page, "has_more": cursor != ""}
	if cursor != "" {
		out["response_metadata"] = obj{"next_cursor": cursor}
	}
	return out, e
}

// visible applies oldest and latest, and leaves ephemerals out: no method
// returns them.
func visible(m *Message, a args) bool {
	if m.Deleted || m.Ephemeral {
		return false
	}
	in := a.bool("inclusive")
	if o := a.str("oldest"); o != "" && o != "0" {
		if d := tsTime(m.TS).Compare(tsTime(o)); d < 0 || d == 0 && !in {
			return false
		}
	}
	if l := a.str("latest"); l != "" {
		if d := tsTime(m.TS).Compare(tsTime(l)); d > 0 || d == 0 && !in {
			return false
		}
	}
	return true
}

// paged cuts a list by limit and cursor. The cursor is opaque to clients.
func paged(all []any, a args) (page []any, next string, e *apiError) {
	from := 0
	if c := a.str("cursor"); c != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(c, "after:"))
		if err != nil || n < 0 || n > len(all) {
			return nil, "", fail("invalid_cursor")
		}
		from = n
	}
	limit := a.int("limit", 100)
	if limit < 1 || limit > 1000 {
		return nil, "", fail("invalid_limit")
	}
	to := min(from+limit, len(all))
	if to < len(all) {
		next = "after:" + strconv.Itoa(to)
	}
	return append([]any{}, all[from:to]...), next, nil
}
