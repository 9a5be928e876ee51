package geministub

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"
)

// Reply is one scripted behaviour. The functions below make them, the methods return changed copies. The zero Reply is a mistake in
// the script and is answered as one.
type Reply struct {
	name         string
	text         func(Request) (string, error) // what the model says, before damage; nil: it says nothing
	fit          fit
	damage       func(string) string
	captures     map[string]*regexp.Regexp
	finish       string // finishReason
	block        string // blockReason: promptFeedback and no candidates
	fail         func(Request) failure
	thought      string
	usage        *Usage
	modelVersion string
	after        time.Duration
	events       int // pieces of a streamed answer
	tear         tear
	tearAt       int // bytes of the body that leave before the tear
}

// fit is what the text must do with the schema of the request.
type fit int

const (
	fitAnything fit = iota + 1
	fitSchema
	fitNotSchema
)

// tear is how a connection dies half-way; the zero value lets it live.
type tear int

const (
	tearReset tear = iota + 1 // TCP reset
	tearHang                  // nothing more comes, until the client or the server gives up
)

// failure is an HTTP answer other than a model's.
type failure struct {
	status      int
	contentType string
	body        []byte
	message     string
}

// Usage is usageMetadata; the total is computed. Tokens, not characters.
type Usage struct {
	Prompt     int `json:"prompt"`
	Candidates int `json:"candidates"`
	Thoughts   int `json:"thoughts"`
}

// Answer says v as JSON, which must fit the schema of the request; where it does not, it is sent all the same and Problems says so.
// A string or a json.RawMessage is taken as the JSON text itself.
func Answer(v any) Reply {
	return Reply{name: "answer", text: jsonText(v), fit: fitSchema, finish: "STOP"}
}

// AnswerFunc computes the answer from the request, under the rules of Answer. The function may be called from several goroutines.
func AnswerFunc(f func(Request) (any, error)) Reply {
	return Reply{name: "answer", fit: fitSchema, finish: "STOP", text: func(r Request) (string, error) {
		v, err := f(r)
		if err != nil {
			return "", err
		}
		return jsonText(v)(r)
	}}
}

// Text says exactly this, whatever the schema; "" is an answer with one empty part.
func Text(text string) Reply {
	return Reply{name: "text", text: func(Request) (string, error) { return text, nil }, fit: fitAnything, finish: "STOP"}
}

// Violating says v as JSON, which must not fit the schema of the request.
func Violating(v any) Reply {
	return Reply{name: "violating", text: jsonText(v), fit: fitNotSchema, finish: "STOP"}
}

// Fenced says v within a Markdown code fence, with a sentence before it.
func Fenced(v any) Reply {
	r := Answer(v)
	r.name, r.damage = "fenced", func(s string) string { return "Here is the JSON requested:\n```json\n" + s + "\n```\n" }
	return r
}

// Malformed says v with its last byte replaced by a comma, as models do when they lose the thread.
func Malformed(v any) Reply {
	r := Answer(v)
	r.name, r.damage = "malformed", func(s string) string { return s[:len(s)-1] + "," }
	return r
}

// Cut says the first n bytes of v, less where that would split a character, and finishes with MAX_TOKENS. n of 0 means half.
func Cut(v any, n int) Reply {
	r := Answer(v)
	r.name, r.finish = "cut", "MAX_TOKENS"
	r.damage = func(s string) string {
		end := min(n, len(s)-1)
		if n <= 0 {
			end = len(s) / 2
		}
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		return s[:end]
	}
	return r
}

// EchoPrompt is the model that obeys or repeats what stands in the logs: every {{prompt}} within v becomes the whole prompt.
func EchoPrompt(v any) Reply {
	r := Answer(v).Capture("prompt", regexp.MustCompile(`(?s)^.*$`))
	r.name = "echo"
	return r
}

// NoParts finishes with MAX_TOKENS before the first word: thinking ate the budget and the content has no parts.
func NoParts() Reply { return Reply{name: "no parts", finish: "MAX_TOKENS"} }

// Finish ends without content for any finishReason, such as SAFETY, RECITATION or PROHIBITED_CONTENT.
func Finish(reason string) Reply { return Reply{name: "finish " + reason, finish: reason} }

// Blocked refuses the prompt: promptFeedback with this blockReason and no candidates.
func Blocked(reason string) Reply { return Reply{name: "blocked " + reason, block: reason} }

// Capture fills in {{name}} within the answer with what re finds in the prompt: its first group, or all of the match. Finding
// nothing is a problem of the script.
func (r Reply) Capture(name string, re *regexp.Regexp) Reply {
	captures := map[string]*regexp.Regexp{name: re}
	for n, c := range r.captures {
		if n != name {
			captures[n] = c
		}
	}
	r.captures = captures
	return r
}

// FinishReason replaces the finishReason.
func (r Reply) FinishReason(reason string) Reply { r.finish = reason; return r }

// Thought puts a part marked as a thought before the text.
func (r Reply) Thought(text string) Reply { r.thought = text; return r }

// Tokens replaces the estimated token counts.
func (r Reply) Tokens(u Usage) Reply { r.usage = &u; return r }

// ModelVersion replaces the name of the model that claims to have answered.
func (r Reply) ModelVersion(name string) Reply { r.modelVersion = name; return r }

// After holds back the first byte, headers included.
func (r Reply) After(d time.Duration) Reply { r.after = d; return r }

// Events splits the text of a streamed answer into n events; without it there are three.
func (r Reply) Events(n int) Reply { r.events = n; return r }

// ResetAfter sends the headers and n bytes of the body, then resets the connection.
func (r Reply) ResetAfter(n int) Reply { r.tear, r.tearAt = tearReset, n; return r }

// HangAfter sends the headers and n bytes of the body, then nothing.
func (r Reply) HangAfter(n int) Reply { r.tear, r.tearAt = tearHang, n; return r }

// String names the kind of reply.
func (r Reply) String() string { return r.name }

// say gives the model's text for a request: filled in, checked, then damaged. The second result is a complaint about the script.
func (r Reply) say(req Request) (string, string, error) {
	text, err := r.text(req)
	if err != nil {
		return "", "", fmt.Errorf("make the answer: %w", err)
	}
	if text, err = fillIn(text, r.captures, req.Prompt()); err != nil {
		return "", "", err
	}
	complaint := ""
	switch err := fits(text, req.GenerationConfig); {
	case r.fit == fitSchema && err != nil:
		complaint = "the scripted answer does not fit the schema of the request: " + err.Error()
	case r.fit == fitNotSchema && err == nil:
		complaint = "the scripted answer was meant to violate the schema of the request, but fits it"
	}
	if r.damage != nil && text != "" {
		text = r.damage(text)
	}
	return text, complaint, nil
}

// jsonText gives v as one line of JSON; strings and raw messages are JSON already.
func jsonText(v any) func(Request) (string, error) {
	return func(Request) (string, error) {
		switch v := v.(type) {
		case string:
			return v, nil
		case json.RawMessage:
			return string(v), nil
		case nil:
			return "", errors.New("there is nothing to say")
		}
		raw, err := encodeJSON(v, "")
		if err != nil {
			return "", fmt.Errorf("write the answer as JSON: %w", err)
		}
		return string(raw), nil
	}
}
