package slackstub

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	maxConnections = 10
	// maxClientFrame is what Slack takes from a client.
	maxClientFrame = 20480
	writeWait      = 5 * time.Second
)

type ticket struct{ until time.Time }

// closeMode is how a connection ends.
type closeMode int

const (
	closeReset closeMode = iota // RST
	closeFIN                    // FIN without a close frame
	closeFrame                  // a close frame, then FIN
)

// conn is one Socket Mode link. Its flags are guarded by the server's lock;
// out is drained by the writer goroutine alone.
type conn struct {
	id    int
	nc    net.Conn
	rd    *bufio.Reader
	out   chan outFrame
	done  chan struct{}
	once  sync.Once
	start time.Time

	greeted  bool // counts as registered: it gets envelopes
	leaving  bool // told to go: it gets no more envelopes
	silent   bool // no PING
	ghost    bool // half-open: nothing in or out, yet registered
	unstall  chan struct{}
	stopPing func()
}

type outFrame struct {
	frame ws.Frame
	then  *closeMode // ends the connection once written
}

func (s *Server) connectionsOpen(args) (obj, *apiError) {
	id := s.ident(32)
	s.tickets[id] = &ticket{until: s.clock.Now().Add(s.cfg.Timings.TicketTTL)}
	return obj{"url": fmt.Sprintf("ws://%s/link/?ticket=%s&app_id=%s", s.ln.Addr(), id, AppID)}, nil
}

func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	id := r.URL.Query().Get("ticket")
	t := s.tickets[id]
	delete(s.tickets, id)
	valid := t != nil && !s.clock.Now().After(t.until) && r.URL.Query().Get("app_id") == AppID && !s.closed
	s.mu.Unlock()
	if !valid {
		s.problem("link.ticket", "unknown, used or expired ticket")
		http.Error(w, "invalid ticket", http.StatusForbidden)
		return
	}
	nc, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		s.problem("link.upgrade", err.Error())
		return
	}
	c := &conn{nc: nc, rd: rw.Reader, out: make(chan outFrame, 1024), done: make(chan struct{}), start: s.clock.Now()}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		abort(nc)
		return
	}
	s.wg.Add(2) // this handler, whose connection is hijacked, and its writer
	s.nextConn++
	c.id = s.nextConn
	s.log.frame(Frame{At: c.start, Conn: c.id, Out: true, Kind: "open"})
	s.admit(c)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		s.writeLoop(c)
	}()
	defer s.wg.Done()
	s.readLoop(c)
	s.retire(c)
}

// admit greets a connection, or turns the eleventh away.
func (s *Server) admit(c *conn) {
	n := s.registered() + 1
	if n > maxConnections {
		s.sendDisconnect(c, "too_many_websockets", n-1)
		s.end(c, closeFrame)
		return
	}
	s.conns[c.id] = c
	if s.knobs.spendN("noHello") {
		s.schedulePing(c)
		return
	}
	c.greeted = true
	s.send(c, obj{"type": "hello", "num_connections": s.registered(),
		"debug_info":      obj{"host": "applink-stand-in", "build_number": 1, "approximate_connection_time": int(s.cfg.Timings.ConnectionLife.Seconds())},
		"connection_info": obj{"app_id": AppID}})
	s.schedulePing(c)
	s.publish(Event{Kind: LinkChanged})
	if s.knobs.spendN("storm") {
		s.disconnect(c, "warning", 0)
	}
}

func (s *Server) registered() int { return len(s.conns) }

func (s *Server) schedulePing(c *conn) {
	c.stopPing = s.clock.AfterFunc(s.cfg.Timings.Ping, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed || c.ended() {
			return
		}
		if !c.silent && !c.ghost {
			c.push(outFrame{frame: ws.NewPingFrame([]byte("Ping from stand-in"))})
		}
		s.schedulePing(c)
	})
}

func (c *conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// send queues a JSON text frame; a ghost swallows it.
func (s *Server) send(c *conn, o obj) { s.sendRaw(c, ws.NewTextFrame(encode(o))) }

func (s *Server) sendRaw(c *conn, f ws.Frame) { c.push(outFrame{frame: f}) }

func (c *conn) push(f outFrame) {
	select {
	case c.out <- f:
	default:
		// A client that has not read a thousand frames is gone.
		c.cut(closeReset)
	}
}

// end closes the connection after everything queued before it.
func (s *Server) end(c *conn, how closeMode) { c.push(outFrame{then: &how}) }

// cut closes the connection at once.
func (c *conn) cut(how closeMode) {
	c.once.Do(func() {
		close(c.done)
		if how == closeReset {
			abort(c.nc)
			return
		}
		_ = c.nc.Close()
	})
}

func (s *Server) writeLoop(c *conn) {
	for {
		select {
		case <-c.done:
			return
		case f := <-c.out:
			if f.then != nil {
				s.finish(c, *f.then)
				continue
			}
			s.mu.Lock()
			ghost := c.ghost
			s.mu.Unlock()
			s.logFrame(c, true, f.frame)
			if ghost {
				continue
			}
			if err := c.write(f.frame); err != nil {
				c.cut(closeReset)
			}
		}
	}
}

func (s *Server) finish(c *conn, how closeMode) {
	if how == closeFrame {
		f := ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))
		if err := c.write(f); err == nil {
			s.logFrame(c, true, f)
		}
	}
	c.cut(how)
}

// write must be called by the writer goroutine only.
func (c *conn) write(f ws.Frame) error {
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return ws.WriteFrame(c.nc, f)
}

// retire forgets a connection that ended. A ghost stays registered.
func (s *Server) retire(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.stopPing != nil {
		c.stopPing()
	}
	s.log.frame(Frame{At: s.clock.Now(), Conn: c.id, Kind: "gone"})
	if c.ghost && !s.closed {
		return
	}
	delete(s.conns, c.id)
	s.publish(Event{Kind: LinkChanged})
}

// Connections returns the ids of the registered connections, ghosts included.
func (s *Server) Connections() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connIDs()
}
