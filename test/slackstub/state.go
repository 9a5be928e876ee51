package slackstub

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"
)

// obj is a JSON object as it stands on the wire.
type obj = map[string]any

// Message is what a channel holds at one moment. Blocks and Files are shared
// and must not be changed.
type Message struct {
	Channel, TS, ThreadTS string
	User, BotID           string
	Text                  string
	Blocks                []any
	Files                 []any
	Reactions             map[string][]string
	Metadata              any
	Mrkdwn                bool // false only where the sender switched it off
	ParseNone             bool // parse:"none" was sent with the text
	Ephemeral             bool
	EphemeralTo           string
	Broadcast             bool
	Edited                bool
	Deleted               bool
	ReplyCount            int
	Version               int       // rises with every change
	PostedAt, UpdatedAt   time.Time // monotonic with WallClock
}

type channel struct {
	Channel
	lastTS   int64 // microseconds
	messages []*Message
}

func (s *Server) addChannel(c Channel) *channel {
	c.Members = append([]string(nil), c.Members...)
	ch := &channel{Channel: c}
	s.channels[c.ID] = ch
	s.chanIDs = append(s.chanIDs, c.ID)
	return ch
}

// nextTS returns a timestamp that is unique and rising in its channel.
func (s *Server) nextTS(c *channel) string {
	us := s.clock.Now().UnixMicro()
	if us <= c.lastTS {
		us = c.lastTS + 1
	}
	c.lastTS = us
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

func (c *channel) find(ts string) *Message {
	for _, m := range c.messages {
		if m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

func (c *channel) has(user string) bool { return slices.Contains(c.Members, user) }

// put stores a new message and tells everybody.
func (s *Server) put(c *channel, m *Message) {
	m.Channel = c.ID
	m.TS = s.nextTS(c)
	m.PostedAt = s.clock.Now()
	m.UpdatedAt = m.PostedAt
	m.Version = 1
	c.messages = append(c.messages, m)
	if m.ThreadTS != "" && !m.Ephemeral {
		if parent := c.find(m.ThreadTS); parent != nil {
			parent.ReplyCount++
			parent.Version++
		}
	}
	kind := MessagePosted
	if m.Ephemeral {
		kind = EphemeralPosted
	}
	s.publish(Event{Kind: kind, Message: *m, User: m.EphemeralTo})
}

func (s *Server) touch(m *Message) {
	m.Version++
	m.UpdatedAt = s.clock.Now()
	kind := MessageUpdated
	if m.Deleted {
		kind = MessageDeleted
	}
	s.publish(Event{Kind: kind, Message: *m})
}

// dm returns the direct conversation of the bot with user, made on first use.
func (s *Server) dm(user string) *channel {
	id := "D" + user[1:]
	if c := s.channels[id]; c != nil {
		return c
	}
	return s.addChannel(Channel{ID: id, Name: s.nameOf(user), IsIM: true, Members: []string{user, BotUserID}})
}

func (s *Server) nameOf(user string) string {
	if u := s.users[user]; u != nil {
		return u.Name
	}
	return user
}

// Messages returns a channel's messages, thread replies and ephemerals
// included, deleted ones left out, oldest first.
func (s *Server) Messages(channel string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	if c := s.channels[channel]; c != nil {
		for _, m := range c.messages {
			if !m.Deleted {
				out = append(out, *m)
			}
		}
	}
	return out
}

// Thread returns the parent with the given ts and its replies, oldest first.
func (s *Server) Thread(channel, ts string) []Message {
	return slices.DeleteFunc(s.Messages(channel), func(m Message) bool {
		return m.TS != ts && m.ThreadTS != ts
	})
}

// Message returns one message that is not deleted.
func (s *Server) Message(channel, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[channel]; c != nil {
		if m := c.find(ts); m != nil {
			return *m, true
		}
	}
	return Message{}, false
}

// Users returns all users in seeded order.
func (s *Server) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]User, 0, len(s.userIDs))
	for _, id := range s.userIDs {
		out = append(out, *s.users[id])
	}
	return out
}

// User returns one user.
func (s *Server) User(id string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil {
		return *u, true
	}
	return User{}, false
}

// Groups returns the user groups ordered by id.
func (s *Server) Groups() []Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Group, 0, len(s.groups))
	for _, g := range s.groups {
		c := *g
		c.Users = slices.Clone(g.Users)
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

// Channels returns all conversations in order of creation.
func (s *Server) Channels() []Channel {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Channel, 0, len(s.chanIDs))
	for _, id := range s.chanIDs {
		c := s.channels[id].Channel
		c.Members = slices.Clone(c.Members)
		out = append(out, c)
	}
	return out
}

func tsTime(ts string) time.Time {
	f, err := strconv.ParseFloat(ts, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(int64(f * 1e6))
}
