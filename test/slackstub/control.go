package slackstub

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// ctl is the body of POST /_ctl/<knob>; each knob reads the fields it needs.
// Durations are in milliseconds, but for retryAfter, which is Slack's seconds.
type ctl struct {
	Method, Mode, Code, Reason, Kind, Type      string
	User, Channel, TS, Thread, Group            string
	Action, Block, Option, Value, View          string
	Command, Text, Envelope, Body               string
	Users, Scopes, Names                        []string
	Values                                      map[string]string
	Event                                       map[string]any
	N, Times, Conn, Status, RetryAfter          int
	DelayMS, GraceMS, AfterMS, WaitMS           int
	On, SameEnvelope, OtherConn, Member, Anyone bool
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

var errUnknownKnob = errors.New("unknown knob")

func (s *Server) serveControl(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/_ctl/")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	reply := func(status int, v any) {
		w.WriteHeader(status)
		_, _ = w.Write(encode(v))
	}
	if r.Method == http.MethodGet && name == "state" {
		reply(http.StatusOK, s.state())
		return
	}
	if r.Method != http.MethodPost {
		reply(http.StatusMethodNotAllowed, obj{"ok": false, "error": "use POST, or GET /_ctl/state"})
		return
	}
	var c ctl
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil && r.ContentLength != 0 {
		reply(http.StatusBadRequest, obj{"ok": false, "error": err.Error()})
		return
	}
	out, err := s.control(name, c)
	switch {
	case errors.Is(err, errUnknownKnob):
		reply(http.StatusNotFound, obj{"ok": false, "error": err.Error()})
	case err != nil:
		reply(http.StatusConflict, obj{"ok": false, "error": err.Error(), "result": out})
	default:
		reply(http.StatusOK, obj{"ok": true, "result": out})
	}
}

func (s *Server) control(name string, c ctl) (any, error) {
	if out, done, err := s.controlAct(name, c); done {
		return out, err
	}
	if done, err := s.controlLink(name, c); done {
		return nil, err
	}
	switch name {
	case "ratelimit":
		s.RateLimit(c.Method, max(c.N, 1), time.Duration(c.RetryAfter)*time.Second)
	case "http":
		s.FaultHTTP(HTTPFault{Method: c.Method, N: max(c.N, 1), Mode: FaultMode(c.Mode), Status: c.Status, Body: c.Body, Delay: ms(c.DelayMS)})
	case "apiError":
		n := c.N
		if n == 0 {
			n = 1
		}
		s.APIError(c.Method, n, c.Code)
	case "revoke":
		s.RevokeTokens(c.Code)
	case "scopes":
		s.SetScopes(c.Scopes...)
	case "userDeleted":
		return nil, s.EditUser(c.User, func(u *User) { u.Deleted = c.On })
	case "externalUser":
		return nil, s.EditUser(c.User, func(u *User) { u.TeamID, u.IsStranger = ExternalTeamID, c.On })
	case "groupEdit":
		return nil, s.EditGroup(c.Group, c.Users)
	case "removeMember":
		return nil, s.SetMember(c.Channel, c.User, c.Member)
	case "extShared":
		return nil, s.SetExtShared(c.Channel, c.On)
	case "allow":
		s.Allow(c.Names...)
	case "reset":
		s.ResetKnobs()
	default:
		return nil, fmt.Errorf("%w %q", errUnknownKnob, name)
	}
	return nil, nil
}

func (s *Server) controlLink(name string, c ctl) (done bool, err error) {
	switch name {
	case "disconnect":
		err = s.Disconnect(c.Reason, c.Conn, ms(c.GraceMS))
	case "storm":
		s.Storm(max(c.N, 1))
	case "drop":
		err = s.Drop(c.Conn, DropMode(c.Mode))
	case "stall":
		err = s.Stall(c.Conn, c.On)
	case "noPing":
		err = s.NoPing(c.Conn, c.On)
	case "noHello":
		s.NoHello(max(c.N, 1))
	case "dup":
		s.Duplicate(Duplication{Type: c.Type, N: c.N, Times: c.Times, SameEnvelope: c.SameEnvelope, OtherConn: c.OtherConn, After: ms(c.AfterMS)})
	case "reorder":
		s.Reorder(c.Type, max(c.N, 1))
	case "delay":
		s.Delay(c.Type, max(c.N, 1), ms(c.DelayMS))
	case "ackLost":
		s.LoseAcks(c.Type, max(c.N, 1))
	case "malformed":
		err = s.Malformed(c.Kind)
	default:
		return false, nil
	}
	return true, err
}

// state is everything a test in another language wants to look at.
func (s *Server) state() obj {
	messages := obj{}
	for _, c := range s.Channels() {
		messages[c.ID] = s.Messages(c.ID)
	}
	views := obj{}
	for _, u := range s.Users() {
		if v := s.Views(u.ID); len(v) > 0 {
			views[u.ID] = v
		}
	}
	return obj{"users": s.Users(), "channels": s.Channels(), "groups": s.Groups(), "messages": messages, "views": views,
		"calls": s.Calls(), "frames": s.Frames(), "envelopes": s.Envelopes(), "connections": s.Connections(),
		"problems": s.Problems(), "knobs": s.KnobUses(), "failed": errorText(s.Err())}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
