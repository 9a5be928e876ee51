package geministub

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"sigs.k8s.io/yaml"
)

// Script is a script file, read and checked. The zero Script says nothing.
type Script struct {
	models   []string
	reroutes map[string]string
	next     []Reply
	rules    []rule
}

type scriptFile struct {
	Models  []string          `json:"models"`  // further models, with the request rules of the newest
	Reroute map[string]string `json:"reroute"` // model asked for: model that answers
	Next    []replySpec       `json:"next"`
	Rules   []ruleSpec        `json:"rules"`
}

type ruleSpec struct {
	Match   matchSpec   `json:"match"`
	Replies []replySpec `json:"replies"`
}

// matchSpec matches where everything that is given matches.
type matchSpec struct {
	Contains []string `json:"contains"`
	Pattern  string   `json:"pattern"`
	Hash     string   `json:"hash"`
	Model    string   `json:"model"`
	Seed     *int     `json:"seed"`
}

// replySpec is a Reply in a file: Kind chooses the behaviour, the rest fills it in or changes it.
type replySpec struct {
	Kind         string            `json:"kind"`
	JSON         json.RawMessage   `json:"json"`
	Text         string            `json:"text"`
	Bytes        int               `json:"bytes"`   // cut: how much is left, 0 for half
	Reason       string            `json:"reason"`  // finish and blocked; elsewhere replaces the finishReason
	Code         int               `json:"code"`    // error
	Status       string            `json:"status"`  // error
	Message      string            `json:"message"` // error
	RetryDelay   duration          `json:"retryDelay"`
	Capture      map[string]string `json:"capture"`
	Thought      string            `json:"thought"`
	Tokens       *Usage            `json:"tokens"`
	ModelVersion string            `json:"modelVersion"`
	After        duration          `json:"after"`
	Events       int               `json:"events"`
	ResetAfter   *int              `json:"resetAfter"`
	HangAfter    *int              `json:"hangAfter"`
}

// duration reads "200ms" or "38s".
type duration time.Duration

func (d *duration) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("a duration is a text such as 200ms: %w", err)
	}
	v, err := time.ParseDuration(text)
	*d = duration(v)
	return err
}

// ParseScript reads a script in YAML. Unknown keys and kinds are errors that name what is allowed.
func ParseScript(text []byte) (Script, error) {
	var f scriptFile
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return Script{}, fmt.Errorf("read the script: %w", err)
	}
	next, err := replies(f.Next, "next")
	if err != nil {
		return Script{}, err
	}
	script := Script{models: f.Models, reroutes: f.Reroute, next: next}
	for i, spec := range f.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		match, err := spec.Match.matcher()
		if err != nil {
			return Script{}, fmt.Errorf("%s.match: %w", at, err)
		}
		if len(spec.Replies) == 0 {
			return Script{}, fmt.Errorf("%s has no replies", at)
		}
		queue, err := replies(spec.Replies, at+".replies")
		if err != nil {
			return Script{}, err
		}
		script.rules = append(script.rules, rule{match: match, replies: queue})
	}
	return script, nil
}

// Play adds a script to what the server already has.
func (s *Server) Play(script Script) {
	newest := DefaultModels()["gemini-3.8-flash"]
	s.mu.Lock()
	for _, name := range script.models {
		s.cfg.Models[name] = newest
	}
	s.mu.Unlock()
	for from, to := range script.reroutes {
		s.Reroute(from, to)
	}
	s.Next(script.next...)
	for _, r := range script.rules {
		s.On(r.match, r.replies...)
	}
}

func (m matchSpec) matcher() (Matcher, error) {
	all := []Matcher{Contains(m.Contains...)}
	if m.Pattern != "" {
		re, err := regexp.Compile(m.Pattern)
		if err != nil {
			return nil, fmt.Errorf("pattern: %w", err)
		}
		all = append(all, Pattern(re))
	}
	if m.Hash != "" {
		if len(m.Hash) < 8 {
			return nil, fmt.Errorf("hash %q: give 8 digits or more", m.Hash)
		}
		all = append(all, Hash(m.Hash))
	}
	if m.Model != "" {
		all = append(all, ForModel(m.Model))
	}
	if m.Seed != nil {
		all = append(all, Seed(*m.Seed))
	}
	return All(all...), nil
}
