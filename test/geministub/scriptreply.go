package geministub

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// kinds are the behaviours a script file can name.
func kinds() map[string]func(replySpec) Reply {
	return map[string]func(replySpec) Reply{
		"answer":              func(s replySpec) Reply { return Answer(s.JSON) },
		"text":                func(s replySpec) Reply { return Text(s.Text) },
		"violating":           func(s replySpec) Reply { return Violating(s.JSON) },
		"fenced":              func(s replySpec) Reply { return Fenced(s.JSON) },
		"malformed":           func(s replySpec) Reply { return Malformed(s.JSON) },
		"cut":                 func(s replySpec) Reply { return Cut(s.JSON, s.Bytes) },
		"echo":                func(s replySpec) Reply { return EchoPrompt(s.JSON) },
		"no-parts":            func(replySpec) Reply { return NoParts() },
		"finish":              func(s replySpec) Reply { return Finish(s.Reason) },
		"blocked":             func(s replySpec) Reply { return Blocked(s.Reason) },
		"error":               func(s replySpec) Reply { return Error(s.Code, s.Status, s.Message) },
		"rate-limited-minute": func(s replySpec) Reply { return RateLimitedMinute(time.Duration(s.RetryDelay)) },
		"rate-limited-day":    func(s replySpec) Reply { return RateLimitedDay(time.Duration(s.RetryDelay)) },
		"rate-limited":        func(replySpec) Reply { return RateLimitedBare() },
		"overloaded":          func(replySpec) Reply { return Overloaded() },
		"html-500":            func(replySpec) Reply { return ServerErrorHTML() },
	}
}

func replies(specs []replySpec, at string) ([]Reply, error) {
	var out []Reply
	for i, spec := range specs {
		r, err := spec.reply()
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", at, i, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// reply makes the behaviour and refuses what cannot be played; without a kind it is an answer.
func (s replySpec) reply() (Reply, error) {
	if s.Kind == "" {
		s.Kind = "answer"
	}
	build, ok := kinds()[s.Kind]
	if !ok {
		return Reply{}, fmt.Errorf("kind %q is none of %s", s.Kind, strings.Join(sortedKeys(kinds()), ", "))
	}
	if err := s.complete(); err != nil {
		return Reply{}, fmt.Errorf("kind %s: %w", s.Kind, err)
	}
	r := build(s)
	for name, pattern := range s.Capture {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return Reply{}, fmt.Errorf("capture %s: %w", name, err)
		}
		r = r.Capture(name, re)
	}
	if s.Reason != "" && s.Kind != "blocked" {
		r = r.FinishReason(s.Reason)
	}
	if s.Tokens != nil {
		r = r.Tokens(*s.Tokens)
	}
	if s.ResetAfter != nil {
		r = r.ResetAfter(*s.ResetAfter)
	}
	if s.HangAfter != nil {
		r = r.HangAfter(*s.HangAfter)
	}
	return r.Thought(s.Thought).ModelVersion(s.ModelVersion).After(time.Duration(s.After)).Events(s.Events), nil
}

// complete checks that what a kind cannot do without is there.
func (s replySpec) complete() error {
	switch s.Kind {
	case "answer", "violating", "fenced", "malformed", "cut", "echo":
		if len(s.JSON) == 0 {
			return errors.New("json is missing")
		}
	case "finish", "blocked":
		if s.Reason == "" {
			return errors.New("reason is missing")
		}
	case "error":
		if s.Code < 400 || s.Code > 599 {
			return fmt.Errorf("code %d is not from 400 to 599", s.Code)
		}
	}
	if s.ResetAfter != nil && s.HangAfter != nil {
		return errors.New("a connection can either reset or hang")
	}
	return nil
}
