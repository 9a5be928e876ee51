package geministub

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// send puts an answer on the wire, late or torn where the script says so, and completes the record before the last bytes leave.
func (s *Server) send(w http.ResponseWriter, r *http.Request, out delivery, call Call) {
	finished := func(gone bool) {
		call.ServerTime, call.Done, call.Gone = s.cfg.Now().Sub(call.Received), true, gone
		s.keep(call)
	}
	if !wait(r, out.reply.after) {
		finished(true)
		return
	}
	if out.reply.tear == tearReset {
		finished(false)
		if err := reset(w, out); err != nil {
			s.problem("call %d: reset the connection: %v", call.Number, err)
		}
		return
	}
	w.Header().Set("Content-Type", out.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	if out.reply.tear == tearHang {
		_, _ = w.Write(out.first())
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		finished(true)
		return
	}
	finished(false)
	_, _ = w.Write(out.body) // a client that has left is no concern of a stand-in
}

// first is what leaves before a tear: never all of the body, or there would be nothing to miss.
func (d delivery) first() []byte { return d.body[:max(0, min(d.reply.tearAt, len(d.body)-1))] }

// wait holds an answer back; false means the client or the server gave up first.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// reset announces the whole body, sends the first bytes of it and resets the connection. Writing by hand is the only way: net/http
// would end the connection in good order.
func reset(w http.ResponseWriter, out delivery) error {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over the connection: %w", err)
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // makes Close send RST in place of FIN
	}
	fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		out.status, http.StatusText(out.status), out.contentType, len(out.body))
	_, _ = buf.Write(out.first())
	if err := buf.Flush(); err != nil {
		return fmt.Errorf("write the first bytes: %w", err)
	}
	return nil
}
