package geministub

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody is Gemini's limit for a request with everything inline.
const maxBody = 20 << 20

// delivery is what goes out on the wire for one call.
type delivery struct {
	failure
	reply Reply // for delays and tears
}

// serve takes one request from the wire to the wire.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		return
	}
	defer s.handlers.Done()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	header := r.Header.Clone()
	keys := header.Values("X-Goog-Api-Key")
	header.Del("X-Goog-Api-Key")
	header.Del("Authorization")
	query := r.URL.Query()
	if query.Has("key") {
		s.problem("%s: an API key in the URL ends up in logs; it belongs in the header x-goog-api-key", r.URL.Path)
		query.Set("key", "REMOVED")
	}
	call := s.arrived(Call{Received: s.cfg.Now(), Path: r.URL.Path, Query: query.Encode(), Header: header, Body: string(body)})
	var out delivery
	switch model, method, fail := s.route(r); {
	case err != nil:
		out = delivery{failure: invalidArgument("Request payload could not be read: " + err.Error()).failure()}
	case fail != nil:
		out = delivery{failure: *fail}
	case len(keys) != 1 || keys[0] == "":
		out = delivery{failure: keyMissing().failure()}
	case keys[0] != s.cfg.APIKey:
		out = delivery{failure: keyInvalid().failure()}
	default:
		out = s.answer(&call, model, method)
	}
	call.Status, call.Answer = out.status, out.message
	if call.Reply = out.reply.name; call.Reply == "" {
		call.Reply = "refused"
	}
	s.keep(call)
	s.send(w, r, out, call)
}

// route reads model and method from the path; the failure is Google's page for paths that do not exist.
func (s *Server) route(r *http.Request) (model, method string, fail *failure) {
	rest, ok := strings.CutPrefix(r.URL.Path, s.cfg.PathPrefix+"/v1beta/models/")
	model, method, _ = strings.Cut(rest, ":")
	stream := method == "streamGenerateContent"
	switch {
	case !ok || r.Method != http.MethodPost || strings.Contains(model, "/") || method != "generateContent" && !stream:
		s.problem("%s %s is not served", r.Method, r.URL.Path)
		page := htmlPage(http.StatusNotFound, "<!DOCTYPE html>\n<title>Error 404 (Not Found)</title>\n<p>The requested URL was not found on this server.\n")
		return "", "", &page
	case stream && r.URL.Query().Get("alt") != "sse":
		s.problem("%s: streaming is served with alt=sse only", r.URL.Path)
		f := unscripted("streaming without alt=sse").failure()
		return "", "", &f
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		s.problem("%s: Content-Type is %q, not application/json", r.URL.Path, r.Header.Get("Content-Type"))
	}
	return model, method, nil
}

// answer decides what a well-addressed call gets: Gemini's own refusal, or what the script says.
func (s *Server) answer(call *Call, name, method string) delivery {
	call.Request.Model, call.Request.Stream = name, method == "streamGenerateContent"
	answering, model, ok := s.resolve(name)
	if !ok {
		return delivery{failure: modelUnknown(name, method).failure()}
	}
	req, fail := parseRequest([]byte(call.Body))
	if fail != nil {
		return delivery{failure: fail.failure()}
	}
	req.Model, req.Stream = call.Request.Model, call.Request.Stream
	call.Request, call.Model = req, answering
	if call.Ignored, fail = refuse(req, model, answering, s.cfg.StrictSampling); fail != nil {
		return delivery{failure: fail.failure()}
	}
	reply, ok := s.choose(req)
	if !ok {
		s.problem("call %d: no reply is scripted for the prompt with hash %s that begins %.80q", call.Number, req.PromptHash(), req.Prompt())
		return delivery{failure: unscripted("no reply is scripted for this prompt").failure()}
	}
	out, err := s.perform(reply, call)
	if err != nil {
		s.problem("call %d, reply %s: %v", call.Number, reply, err)
		return delivery{failure: unscripted(err.Error()).failure()}
	}
	return out
}

// perform turns a reply into bytes.
func (s *Server) perform(reply Reply, call *Call) (delivery, error) {
	req := call.Request
	if reply.fail != nil {
		return delivery{reply.fail(req), reply}, nil
	}
	if req.GenerationConfig.CandidateCount > 1 {
		s.problem("call %d: the stand-in gives one candidate, %d were asked for", call.Number, req.GenerationConfig.CandidateCount)
	}
	var said *string
	if reply.text != nil {
		text, complaint, err := reply.say(req)
		if err != nil {
			return delivery{}, err
		}
		if complaint != "" {
			s.problem("call %d, reply %s: %s", call.Number, reply, complaint)
		}
		said = &text
	}
	out := delivery{failure{status: http.StatusOK}, reply}
	out.contentType, out.body = encodeBody(reply.responses(req, said, call.Model, fmt.Sprintf("stub-%d", call.Number)), req.Stream)
	if said != nil {
		out.message = *said
	}
	return out, nil
}

// unscripted is the answer to calls the script does not cover. 501 is a status Gemini does not send, and clients need not retry it.
func unscripted(why string) *apiError {
	return &apiError{Code: http.StatusNotImplemented, Status: "UNIMPLEMENTED", Message: "geministub: " + why}
}
