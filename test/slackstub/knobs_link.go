package slackstub

import (
	"errors"
	"fmt"
	"time"

	"github.com/gobwas/ws"
)

// DropMode says how a connection is lost.
type DropMode string

// The ways a connection is lost.
const (
	DropRST   DropMode = "rst"
	DropFIN   DropMode = "fin"   // no close frame
	DropClose DropMode = "close" // close frame 1001
	// DropGhost is a half-open link: nothing comes or goes, yet it stays
	// registered and is given envelopes. Dropping it again unregisters it.
	DropGhost DropMode = "ghost"
)

var errNoSuchConn = errors.New("slack stand-in: no such connection")

// eachConn runs f for one connection, or for all where id is 0.
func (s *Server) eachConn(id int, f func(c *conn)) error {
	if id == 0 {
		for _, id := range s.connIDs() {
			f(s.conns[id])
		}
		return nil
	}
	c := s.conns[id]
	if c == nil {
		return fmt.Errorf("%w: %d", errNoSuchConn, id)
	}
	f(c)
	return nil
}

// Disconnect announces the end of a connection (0: of all) with one of Slack's
// reasons and cuts it after grace. A warning with a grace is followed by
// refresh_requested when the grace is over.
func (s *Server) Disconnect(reason string, id int, grace time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eachConn(id, func(c *conn) {
		s.knobs.uses["disconnect"]++
		s.disconnect(c, reason, grace)
	})
}

func (s *Server) disconnect(c *conn, reason string, grace time.Duration) {
	s.sendDisconnect(c, reason, s.registered())
	if grace == 0 {
		c.leaving = true
		s.end(c, closeFrame)
		return
	}
	s.clock.AfterFunc(grace, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed || c.ended() {
			return
		}
		if reason == "warning" {
			s.sendDisconnect(c, "refresh_requested", s.registered())
		}
		c.leaving = true
		s.end(c, closeFrame)
	})
}

func (s *Server) sendDisconnect(c *conn, reason string, n int) {
	o := obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": "applink-stand-in"}}
	if reason == "too_many_websockets" {
		o["num_connections"], o["connection_info"] = n, obj{"app_id": AppID}
	}
	s.send(c, o)
}

// Storm disconnects the next n connections right after their hello.
func (s *Server) Storm(n int) { s.setCount("storm", n) }

// NoHello leaves the next n connections without a greeting; they get no
// envelopes either.
func (s *Server) NoHello(n int) { s.setCount("noHello", n) }

func (s *Server) setCount(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.counts[name] = n
}

// Drop loses a connection (0: all of them) without a word.
func (s *Server) Drop(id int, mode DropMode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eachConn(id, func(c *conn) {
		s.knobs.uses["drop."+string(mode)]++
		if c.ghost {
			delete(s.conns, c.id)
			c.cut(closeReset)
			return
		}
		switch mode {
		case DropGhost:
			c.ghost = true
		case DropFIN:
			c.cut(closeFIN)
		case DropClose:
			c.push(outFrame{frame: ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusGoingAway, ""))})
			s.end(c, closeFIN)
		default:
			c.cut(closeReset)
		}
	})
}

// Stall stops reading from a connection (0: all), or goes on.
func (s *Server) Stall(id int, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eachConn(id, func(c *conn) {
		switch {
		case on && c.unstall == nil:
			s.knobs.uses["stall"]++
			c.unstall = make(chan struct{})
		case !on && c.unstall != nil:
			close(c.unstall)
			c.unstall = nil
		}
	})
}

// NoPing stops or resumes the PINGs of a connection (0: all).
func (s *Server) NoPing(id int, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eachConn(id, func(c *conn) {
		s.knobs.uses["noPing"]++
		c.silent = on
	})
}
