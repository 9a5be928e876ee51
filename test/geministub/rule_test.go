package geministub

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genai"
)

func TestTheFirstMatchingRuleAnswersAndItsLastReplyRepeats(t *testing.T) {
	s := startServer(t, Config{})
	s.On(Contains("oom", "shop"), Text("a1"), Text("a2"))
	s.On(Pattern(regexp.MustCompile(`oo+m`)), Text("b"))
	s.On(nil, Text("rest"))
	s.Next(Text("first"))
	for _, tc := range []struct{ prompt, want string }{
		{"oom in shop", "first"}, {"oom in shop", "a1"}, {"ooom", "b"}, {"oom in shop", "a2"}, {"oom in shop", "a2"}, {"else", "rest"},
	} {
		resp, err := ask(t, s, tc.prompt, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Text() != tc.want {
			t.Errorf("%s: %s, want %s", tc.prompt, resp.Text(), tc.want)
		}
	}
	if n := s.Unused(); n != 0 {
		t.Errorf("%d replies unused", n)
	}
}

func TestSamplesOfOnePromptShareAHashAndDifferBySeed(t *testing.T) {
	s := startServer(t, Config{})
	probe := Request{Contents: []Content{{Role: "user", Parts: []Part{{Text: "why?"}}}}}
	for seed := range 3 {
		s.On(All(Hash(probe.PromptHash()[:12]), Seed(seed), ForModel("gemini-3.8-flash")), Text(strings.Repeat("x", seed+1)))
	}
	var wg sync.WaitGroup
	for seed := range 3 {
		wg.Go(func() {
			resp, err := ask(t, s, "why?", &genai.GenerateContentConfig{Seed: genai.Ptr(int32(seed))})
			if err != nil || len(resp.Text()) != seed+1 {
				t.Errorf("seed %d: %v, %v", seed, resp, err)
			}
		})
	}
	wg.Wait()
	for _, c := range s.Calls() {
		if c.Request.PromptHash() != probe.PromptHash() {
			t.Errorf("call %d has another hash", c.Number)
		}
	}
	other := Request{Contents: []Content{{Role: "user", Parts: []Part{{Text: "why"}, {Text: "?"}}}}}
	if other.PromptHash() == probe.PromptHash() || Hash(probe.PromptHash()[:7])(probe) {
		t.Error("another prompt has the same hash, or a short hash matches")
	}
}

func TestWhatTheScriptDoesNotCoverIsAProblemAndNeverAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		script  func(*Server)
		problem string
	}{
		"no rule":                {func(s *Server) { s.On(Contains("other"), Text("x")) }, "no reply is scripted"},
		"a rule without replies": {func(s *Server) { s.On(Any()) }, "no reply is scripted"},
		"the zero reply":         {func(s *Server) { s.Next(Reply{}) }, "no reply is scripted"},
		"after a reset":          {func(s *Server) { s.On(Any(), Text("x")); s.Next(Text("y")); s.Reset() }, "no reply is scripted"},
		"nothing to say":         {func(s *Server) { s.Next(Answer(nil)) }, "nothing to say"},
		"not encodable":          {func(s *Server) { s.Next(Answer(func() {})) }, "unsupported type"},
		"a failing function": {func(s *Server) {
			s.Next(AnswerFunc(func(Request) (any, error) { return nil, errors.New("broken script") }))
		}, "broken script"},
		"a capture without a find": {func(s *Server) {
			s.Next(Answer(`["{{id}}"]`).Capture("id", regexp.MustCompile(`e\d+`)))
		}, "finds nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, Config{})
			tc.script(s)
			_, err := ask(t, s, "hi", nil)
			wantAPIError(t, err, 501, "UNIMPLEMENTED")
			if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0], tc.problem) {
				t.Errorf("problems: %q", p)
			}
		})
	}
}

func TestAnAnswerThatMissesTheSchemaIsSentAndIsAProblem(t *testing.T) {
	openAPI := &genai.GenerateContentConfig{ResponseMIMEType: "application/json", ResponseSchema: &genai.Schema{
		Type: genai.TypeObject,
		Properties: map[string]*genai.Schema{
			"cause":      {Type: genai.TypeString, Enum: []string{"IMAGE_TAG_NOT_FOUND", "OOM_KILLED"}, Format: "enum"},
			"confidence": {Type: genai.TypeNumber, Minimum: genai.Ptr(0.0), Maximum: genai.Ptr(1.0), Nullable: genai.Ptr(true)},
			"evidence":   {Type: genai.TypeArray, Items: &genai.Schema{Type: genai.TypeString}, MinItems: genai.Ptr[int64](1)},
		},
		Required:         []string{"cause", "confidence", "evidence"},
		PropertyOrdering: []string{"cause", "confidence", "evidence"},
	}}
	for name, tc := range map[string]struct {
		reply Reply
		clean bool
	}{
		"fits":                        {Answer(imageTag), true},
		"a wrong enum":                {Answer(diagnosis{"BAD_LUCK", 1, []string{"e1"}}), false},
		"too many":                    {Answer(diagnosis{"OOM_KILLED", 2, []string{"e1"}}), false},
		"an empty list":               {Answer(diagnosis{"OOM_KILLED", 1, []string{}}), false},
		"a missing field":             {Answer(map[string]any{"cause": "OOM_KILLED", "confidence": 1}), false},
		"a further field":             {Answer(`{"cause":"OOM_KILLED","confidence":1,"evidence":["e1"],"fix":"rm"}`), false},
		"no JSON":                     {Answer("{"), false},
		"a fence around a misfit":     {Fenced(map[string]any{}), false},
		"a cut through a misfit":      {Cut(map[string]any{}, 1), false},
		"a violation that is one":     {Violating(map[string]any{}), true},
		"a violation that is none":    {Violating(imageTag), false},
		"a text is nobody's business": {Text("{"), true},
	} {
		for kind, cfg := range map[string]*genai.GenerateContentConfig{"JSON Schema": withSchema(), "OpenAPI": openAPI} {
			t.Run(name+" by "+kind, func(t *testing.T) {
				s := startServer(t, Config{})
				s.Next(tc.reply)
				if _, err := ask(t, s, "hi", cfg); err != nil {
					t.Fatal(err)
				}
				if p := s.Problems(); (len(p) == 0) != tc.clean {
					t.Errorf("problems: %q", p)
				}
			})
		}
	}
	s := startServer(t, Config{})
	s.Next(Answer(`{"cause":"OOM_KILLED","confidence":null,"evidence":["e1"]}`))
	if _, err := ask(t, s, "hi", openAPI); err != nil {
		t.Fatal(err)
	}
	wantNoProblems(t, s) // nullable
}

func TestKeywordsThatGeminiDoesNotDocumentAreNamed(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Answer(`{"pattern":"x"}`))
	schema := map[string]any{"type": "object", "properties": map[string]any{"pattern": map[string]any{"type": "string", "pattern": "x"},
		"list": map[string]any{"items": map[string]any{"anyOf": []any{map[string]any{"const": 1}}}}}, "additionalProperties": false}
	if _, err := ask(t, s, "hi", jsonSchema(schema)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Calls()[0].Ignored, ", "); got != "responseJsonSchema: const, responseJsonSchema: pattern" {
		t.Errorf("ignored: %s", got)
	}
}

func TestCallsKeepWhatWasSentAndWhen(t *testing.T) {
	at := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	s := startServer(t, Config{Now: func() time.Time { return at }})
	s.On(Any(), Answer(imageTag))
	if _, err := ask(t, s, "why?", withSchema()); err != nil {
		t.Fatal(err)
	}
	c := s.Calls()[0]
	if c.Number != 1 || !c.Received.Equal(at) || c.Status != 200 || c.Reply != "answer" || c.Answer != jsonOf(t, imageTag) || !c.Done {
		t.Errorf("call: %s", jsonOf(t, c))
	}
	if !strings.Contains(c.Body, `"text":"why?"`) || c.Request.Contents[0].Parts[0].Text != "why?" || c.Header.Get("X-Goog-Api-Client") == "" {
		t.Errorf("body %s, header %v", c.Body, c.Header)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WaitCalls(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for a call that does not come: %v", err)
	}
}
