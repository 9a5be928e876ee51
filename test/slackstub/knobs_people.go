package slackstub

import (
	"fmt"
	"slices"
)

// RevokeTokens answers both tokens with code, such as "token_revoked",
// "account_inactive" or "invalid_auth"; an empty code takes it back. Open
// connections get link_disabled.
func (s *Server) RevokeTokens(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revoked[s.botToken], s.revoked[s.appToken] = code, code
	s.knobs.uses["revoke"]++
	if code == "" {
		return
	}
	for _, id := range s.connIDs() {
		s.disconnect(s.conns[id], "link_disabled", 0)
	}
}

// SetScopes replaces the bot token's scopes.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.uses["scopes"]++
	s.cfg.Scopes = scopes
	clear(s.scopes)
	for _, sc := range scopes {
		s.scopes[sc] = true
	}
}

// EditUser changes a person between post and click.
func (s *Server) EditUser(id string, change func(u *User)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[id]
	if u == nil {
		return fmt.Errorf("slack stand-in: no user %s", id)
	}
	change(u)
	u.ID = id
	s.knobs.uses["userEdit"]++
	s.publish(Event{Kind: PeopleChanged, User: id})
	return nil
}

// DeleteUser deactivates a person.
func (s *Server) DeleteUser(id string) error {
	return s.EditUser(id, func(u *User) { u.Deleted = true })
}

// EditGroup replaces a user group's members.
func (s *Server) EditGroup(id string, users []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[id]
	if g == nil {
		return fmt.Errorf("slack stand-in: no user group %s", id)
	}
	g.Users = slices.Clone(users)
	s.knobs.uses["groupEdit"]++
	s.publish(Event{Kind: PeopleChanged})
	return nil
}

// SetMember adds a person to a channel or removes one.
func (s *Server) SetMember(channel, user string, member bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	if c == nil || s.users[user] == nil {
		return fmt.Errorf("slack stand-in: no channel %s or no user %s", channel, user)
	}
	c.Members = slices.DeleteFunc(c.Members, func(m string) bool { return m == user })
	if member {
		c.Members = append(c.Members, user)
	}
	s.knobs.uses["member"]++
	s.publish(Event{Kind: PeopleChanged, User: user})
	return nil
}

// SetExtShared makes a channel a Slack Connect channel, or not, and tells the
// app as Slack does.
func (s *Server) SetExtShared(channel string, shared bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[channel]
	if c == nil {
		return fmt.Errorf("slack stand-in: no channel %s", channel)
	}
	c.IsExtShared = shared
	s.knobs.uses["extShared"]++
	s.publish(Event{Kind: PeopleChanged})
	if shared {
		s.raise(obj{"type": "channel_shared", "connected_team_id": ExternalTeamID, "channel": c.ID, "event_ts": s.nextTS(c)}, c, "")
	}
	return nil
}
