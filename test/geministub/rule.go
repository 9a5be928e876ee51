package geministub

import (
	"regexp"
	"strings"
)

// Matcher says whether a rule is for a request. It may be called from several goroutines, and must not call the server.
type Matcher func(Request) bool

// Any matches every request.
func Any() Matcher { return func(Request) bool { return true } }

// Contains matches prompts that hold every one of the texts.
func Contains(texts ...string) Matcher {
	return func(r Request) bool {
		prompt := r.Prompt()
		for _, t := range texts {
			if !strings.Contains(prompt, t) {
				return false
			}
		}
		return true
	}
}

// Pattern matches prompts in which re finds something.
func Pattern(re *regexp.Regexp) Matcher {
	return func(r Request) bool { return re.MatchString(r.Prompt()) }
}

// Hash matches prompts whose PromptHash is, or begins with, this; fewer than 8 digits match nothing.
func Hash(hash string) Matcher {
	return func(r Request) bool {
		return len(hash) >= 8 && strings.HasPrefix(r.PromptHash(), strings.ToLower(hash))
	}
}

// ForModel matches requests that ask for this model.
func ForModel(name string) Matcher { return func(r Request) bool { return r.Model == name } }

// Seed matches requests with this seed, to tell parallel samples of one prompt apart.
func Seed(seed int) Matcher {
	return func(r Request) bool { return r.GenerationConfig.Seed != nil && *r.GenerationConfig.Seed == seed }
}

// All matches what every one of the matchers matches.
func All(matchers ...Matcher) Matcher {
	return func(r Request) bool {
		for _, m := range matchers {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

// rule is a matcher with its queue; used counts the calls it has answered.
type rule struct {
	match   Matcher
	replies []Reply
	used    int
}

// On answers requests that match: the first with the first reply, the second with the second, and all later ones with the last.
// Of several rules that match, the one that was given first answers. A nil matcher matches everything.
func (s *Server) On(match Matcher, replies ...Reply) {
	if match == nil {
		match = Any()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &rule{match: match, replies: replies})
}

// Next answers the next requests, whatever they ask and before any rule, with one reply each. Requests that Gemini would refuse do
// not use up a reply.
func (s *Server) Next(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, replies...)
}

// Reset forgets the script: rules, waiting replies and reroutes. Calls and problems stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.rules = nil, nil
	clear(s.reroutes)
}

// Unused counts scripted replies that no request has asked for yet.
func (s *Server) Unused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.next)
	for _, r := range s.rules {
		n += max(0, len(r.replies)-r.used)
	}
	return n
}

// choose takes the reply for a request off the script; false means the script has none.
func (s *Server) choose(req Request) (Reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 {
		reply := s.next[0]
		s.next = s.next[1:]
		return reply, reply.name != ""
	}
	for _, r := range s.rules {
		if len(r.replies) == 0 || !r.match(req) {
			continue
		}
		reply := r.replies[min(r.used, len(r.replies)-1)]
		r.used++
		return reply, reply.name != ""
	}
	return Reply{}, false
}
