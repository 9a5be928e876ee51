package slackstub

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiError is an ok:false answer.
type apiError struct {
	code   string
	errors []string // of invalid_blocks and its like
	extra  obj
}

func fail(code string) *apiError { return &apiError{code: code} }

type tokenKind int

const (
	botToken tokenKind = iota
	appToken
)

// method is one Web API method. do runs with the server's lock held.
type method struct {
	scopes []string // any one of them suffices; none means no scope is needed
	token  tokenKind
	// perMinute is the tier's figure; 0 means only special limits apply.
	perMinute int
	args      []string
	do        func(s *Server, a args) (obj, *apiError)
}

// answer is what goes back, before a knob spoils it.
type answer struct {
	status     int
	body       []byte
	retryAfter time.Duration
	code       string
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	start := s.clock.Now()
	name := strings.TrimPrefix(r.URL.Path, "/api/")
	req, err := readRequest(r)
	call := Call{Method: name, Args: req.args, Start: start}
	fault := s.takeFault(name)
	if fault != nil {
		call.Fault = fault.name()
	}
	var a answer
	switch {
	case fault != nil && !fault.applied():
		a = answer{status: http.StatusOK, body: []byte(`{"ok":false,"error":"internal_error"}`), code: "not applied"}
	case err != nil:
		s.problem("api.unreadable", name+": "+err.Error())
		a = answerOf(nil, &apiError{code: "invalid_json"})
	default:
		a = s.invoke(name, req)
	}
	call.Status, call.Error = a.status, a.code
	finish := func(status int) {
		call.Status = status
		call.End = s.clock.Now()
		call.Took = call.End.Sub(start)
		s.log.call(call)
	}
	if fault != nil {
		s.spoil(w, r, *fault, a, finish)
		return
	}
	// Logged before the answer leaves, so that a client that has its answer
	// finds its call in the log.
	finish(a.status)
	s.write(w, a)
}

func (s *Server) write(w http.ResponseWriter, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-OAuth-Scopes", strings.Join(s.cfg.Scopes, ","))
	h.Set("X-Slack-Req-Id", "stand-in")
	if a.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(a.retryAfter.Seconds()))))
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a caller that left is no fault of the stand-in
}

func limited(d time.Duration) answer {
	if d < time.Second {
		d = time.Second
	}
	return answer{status: http.StatusTooManyRequests, retryAfter: d, code: "ratelimited",
		body: []byte(`{"ok":false,"error":"ratelimited"}`)}
}

// invoke applies one call in the order Slack does: method, token, scope, limit,
// arguments.
func (s *Server) invoke(name string, req request) answer {
	m, known := s.methods[name]
	if !known {
		s.problem("api.unknown_method", name)
		return answerOf(nil, fail("unknown_method"))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.authorize(m, req); e != nil {
		return answerOf(nil, e)
	}
	if d := s.knobLimited(name); d > 0 {
		return limited(d)
	}
	if d := s.buckets.take(s.clock.Now(), name, m.perMinute, req.args.str("channel")); d > 0 {
		return limited(d)
	}
	if code := s.knobError(name); code != "" {
		return answerOf(nil, fail(code))
	}
	for k := range req.args {
		// team_id goes with every method, for tokens of a whole organisation.
		if k != "team_id" && !slices.Contains(m.args, k) {
			s.problem("api.unknown_argument", name+": "+k)
		}
	}
	return answerOf(m.do(s, req.args))
}

func (s *Server) authorize(m method, req request) *apiError {
	tok := req.token()
	if m.token == appToken {
		tok = req.bearer // as a POST parameter it errors
	}
	switch code := s.revoked[tok]; {
	case tok == "":
		return fail("not_authed")
	case tok != s.botToken && tok != s.appToken:
		return fail("invalid_auth")
	case code != "":
		return fail(code)
	case (tok == s.appToken) != (m.token == appToken):
		return fail("not_allowed_token_type")
	}
	if len(m.scopes) == 0 || slices.ContainsFunc(m.scopes, func(sc string) bool { return s.scopes[sc] }) {
		return nil
	}
	return &apiError{code: "missing_scope", extra: obj{
		"needed": strings.Join(m.scopes, ","), "provided": strings.Join(s.cfg.Scopes, ","),
	}}
}

func answerOf(o obj, e *apiError) answer {
	if e != nil {
		o = obj{"ok": false, "error": e.code}
		for k, v := range e.extra {
			o[k] = v
		}
		if len(e.errors) > 0 {
			o["errors"] = e.errors
			o["response_metadata"] = obj{"messages": prefixed("[ERROR] ", e.errors)}
		}
		return answer{status: http.StatusOK, body: encode(o), code: e.code}
	}
	if o == nil {
		o = obj{}
	}
	o["ok"] = true
	return answer{status: http.StatusOK, body: encode(o)}
}

func prefixed(p string, list []string) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = p + l
	}
	return out
}

// encode writes JSON as Slack does, without escaping < > & for HTML.
func encode(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"ok":false,"error":"fatal_error"}`)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}
