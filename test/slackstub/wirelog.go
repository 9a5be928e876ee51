package slackstub

import (
	"slices"
	"sync"
	"time"
)

// Call is one HTTP request to the stand-in. Arguments hold no token.
type Call struct {
	Seq        int
	Method     string // "chat.postMessage", or the path outside /api/
	Args       map[string]any
	Status     int    // 0 where the connection was cut instead
	Error      string // Slack's error code
	Start, End time.Time
	// Took is the stand-in's own time to answer, a delay knob included.
	Took time.Duration
	// Fault names the knob that touched this call.
	Fault string
}

// Frame is one WebSocket frame.
type Frame struct {
	Seq  int
	At   time.Time
	Conn int
	// Out is true from the stand-in to the client.
	Out  bool
	Kind string // text, binary, ping, pong, close, open, gone
	Body string
}

const logLimit = 20000

// wireLog has a lock of its own because connections write to it while the
// server's lock is held by somebody else.
type wireLog struct {
	mu     sync.Mutex
	seq    int
	calls  []Call
	frames []Frame
}

func (l *wireLog) call(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	c.Seq = l.seq
	l.calls = append(l.calls, c)
	if len(l.calls) > logLimit {
		l.calls = slices.Delete(l.calls, 0, logLimit/10)
	}
}

func (l *wireLog) frame(f Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	f.Seq = l.seq
	l.frames = append(l.frames, f)
	if len(l.frames) > logLimit {
		l.frames = slices.Delete(l.frames, 0, logLimit/10)
	}
}

// Calls returns the HTTP requests so far, oldest first, at most 20,000.
func (s *Server) Calls() []Call {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.calls)
}

// CallsOf returns the requests of one method.
func (s *Server) CallsOf(method string) []Call {
	return slices.DeleteFunc(s.Calls(), func(c Call) bool { return c.Method != method })
}

// Frames returns the WebSocket frames so far, oldest first, at most 20,000.
func (s *Server) Frames() []Frame {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return slices.Clone(s.log.frames)
}
