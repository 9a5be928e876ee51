package slackstub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gobwas/ws"
)

func (s *Server) readLoop(c *conn) {
	for {
		f, err := s.readFrame(c)
		if err != nil {
			c.cut(closeFIN)
			return
		}
		s.mu.Lock()
		wait, ghost := c.unstall, c.ghost
		s.mu.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-c.done:
				return
			}
		}
		if ghost {
			continue // what a ghost sends reaches nobody
		}
		s.logFrame(c, false, f)
		s.handleFrame(c, f)
	}
}

var errUnmasked = errors.New("client frame without a mask")

func (s *Server) readFrame(c *conn) (ws.Frame, error) {
	h, err := ws.ReadHeader(c.rd)
	if err != nil {
		return ws.Frame{}, err
	}
	if !h.Masked {
		s.problem("frame.unmasked", "")
		return ws.Frame{}, errUnmasked
	}
	if h.Length > maxBody {
		return ws.Frame{}, fmt.Errorf("client frame of %d bytes", h.Length)
	}
	p := make([]byte, h.Length)
	if _, err := io.ReadFull(c.rd, p); err != nil {
		return ws.Frame{}, err
	}
	ws.Cipher(p, h.Mask, 0)
	return ws.Frame{Header: h, Payload: p}, nil
}

func (s *Server) handleFrame(c *conn, f ws.Frame) {
	op := f.Header.OpCode
	switch {
	case op == ws.OpPing:
		c.push(outFrame{frame: ws.NewPongFrame(f.Payload)})
	case op == ws.OpPong:
	case op == ws.OpClose:
		how := closeFrame
		c.push(outFrame{then: &how})
	case !f.Header.Fin || op == ws.OpContinuation || len(f.Payload) >= maxClientFrame:
		s.oversize(c, f)
	case op == ws.OpBinary:
		s.problem("frame.binary", fmt.Sprintf("%d bytes", len(f.Payload)))
	default:
		s.acknowledge(c, f.Payload)
	}
}

func (s *Server) oversize(c *conn, f ws.Frame) {
	s.problem("frame.oversize", fmt.Sprintf("%d bytes, final %t", len(f.Payload), f.Header.Fin))
	if s.cfg.Oversize == OversizeClose1009 {
		body := ws.NewCloseFrameBody(ws.StatusMessageTooBig, "Max frame length of 20480 has been exceeded.")
		how := closeFIN
		c.push(outFrame{frame: ws.NewCloseFrame(body)})
		c.push(outFrame{then: &how})
	}
}

func (s *Server) logFrame(c *conn, out bool, f ws.Frame) {
	kinds := map[ws.OpCode]string{ws.OpText: "text", ws.OpBinary: "binary", ws.OpPing: "ping", ws.OpPong: "pong", ws.OpClose: "close", ws.OpContinuation: "continuation"}
	body := string(f.Payload)
	if f.Header.OpCode == ws.OpClose {
		code, reason := ws.ParseCloseFrameData(f.Payload)
		body = strings.TrimSpace(fmt.Sprint(int(code), " ", reason))
	}
	s.log.frame(Frame{At: s.clock.Now(), Conn: c.id, Out: out, Kind: kinds[f.Header.OpCode], Body: body})
}

func decodeObject(b []byte) (obj, error) {
	var o obj
	err := json.Unmarshal(b, &o)
	return o, err
}
