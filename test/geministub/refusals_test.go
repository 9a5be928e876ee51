package geministub

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genai"
)

func TestRequestsAgainstTheRulesOfTheModelAreRefused(t *testing.T) {
	thinking := func(level genai.ThinkingLevel, budget *int32) *genai.GenerateContentConfig {
		return &genai.GenerateContentConfig{ThinkingConfig: &genai.ThinkingConfig{ThinkingLevel: level, ThinkingBudget: budget}}
	}
	for name, tc := range map[string]struct {
		model   string
		cfg     *genai.GenerateContentConfig
		refused string // part of the message; "" means accepted
	}{
		"two candidates on 3.8 Flash":          {"gemini-3.8-flash", &genai.GenerateContentConfig{CandidateCount: 2}, "Multiple candidates"},
		"one candidate on 3.8 Flash":           {"gemini-3.8-flash", &genai.GenerateContentConfig{CandidateCount: 1}, ""},
		"logprobs on 3.5 Flash":                {"gemini-3.5-flash", &genai.GenerateContentConfig{ResponseLogprobs: true}, "Logprobs"},
		"a number of logprobs on 3.8 Flash":    {"gemini-3.8-flash", &genai.GenerateContentConfig{Logprobs: genai.Ptr[int32](3)}, "Logprobs"},
		"logprobs on 2.5 Flash":                {"gemini-2.5-flash", &genai.GenerateContentConfig{ResponseLogprobs: true}, ""},
		"level and budget together":            {"gemini-3.8-flash", thinking("LOW", genai.Ptr[int32](0)), "only one of thinking"},
		"a budget alone":                       {"gemini-3.8-flash", thinking("", genai.Ptr[int32](0)), ""},
		"MINIMAL on 3.8 Flash":                 {"gemini-3.8-flash", thinking("MINIMAL", nil), "MINIMAL"},
		"MINIMAL on 3.6 Flash":                 {"gemini-3.6-flash", thinking("MINIMAL", nil), ""},
		"a level that does not exist":          {"gemini-3.6-flash", thinking("EXTREME", nil), "EXTREME"},
		"a schema without the JSON type":       {"gemini-3.8-flash", &genai.GenerateContentConfig{ResponseJsonSchema: caseSchema()}, "response_mime_type"},
		"a JSON Schema that is none":           {"gemini-3.8-flash", jsonSchema(map[string]any{"type": 7}), "response_json_schema"},
		"a JSON Schema with a dangling ref":    {"gemini-3.8-flash", jsonSchema(map[string]any{"$ref": "#/$defs/no"}), "response_json_schema"},
		"temperature on 3.8 Flash is accepted": {"gemini-3.8-flash", &genai.GenerateContentConfig{Temperature: genai.Ptr[float32](0)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, Config{})
			s.On(Any(), Text("hello"))
			_, err := askModel(t, s, tc.model, "hi", tc.cfg)
			if tc.refused == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if e := wantAPIError(t, err, 400, "INVALID_ARGUMENT"); !strings.Contains(e.Message, tc.refused) {
				t.Errorf("message is %q", e.Message)
			}
			if c := s.Calls()[0]; c.Reply != "refused" || c.Status != 400 || s.Unused() != 1 {
				t.Errorf("recorded as %q %d, unused replies %d", c.Reply, c.Status, s.Unused())
			}
			wantNoProblems(t, s)
		})
	}
}

func jsonSchema(schema any) *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{ResponseMIMEType: "application/json", ResponseJsonSchema: schema}
}

func TestARequestThatEndsWithAModelTurnIsRefusedByNewModelsOnly(t *testing.T) {
	turns := []*genai.Content{genai.NewContentFromText("why?", "user"), genai.NewContentFromText("{", "model")}
	for model, refused := range map[string]bool{"gemini-3.8-flash": true, "gemini-3.5-flash-lite": true, "gemini-3.5-flash": false} {
		s := startServer(t, Config{})
		s.On(Any(), Text("hello"))
		_, err := client(t, s, s.APIKey()).Models.GenerateContent(t.Context(), model, turns, nil)
		if refused {
			if e := wantAPIError(t, err, 400, "INVALID_ARGUMENT"); e.Message != "Requests ending with a model turn are not supported." {
				t.Errorf("%s: message is %q", model, e.Message)
			}
		} else if err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
}

func TestSamplingSettingsAreIgnoredAndRecordedUnlessStrict(t *testing.T) {
	cfg := &genai.GenerateContentConfig{Temperature: genai.Ptr[float32](0), TopK: genai.Ptr[float32](1), TopP: genai.Ptr[float32](0.5)}
	s := startServer(t, Config{})
	s.On(Any(), Text("hello"))
	if _, err := ask(t, s, "hi", cfg); err != nil {
		t.Fatal(err)
	}
	if got := s.Calls()[0].Ignored; !slices.Equal(got, []string{"temperature", "topP", "topK"}) {
		t.Errorf("ignored: %q", got)
	}
	strict := startServer(t, Config{StrictSampling: true})
	strict.On(Any(), Text("hello"))
	_, err := ask(t, strict, "hi", cfg)
	wantAPIError(t, err, 400, "INVALID_ARGUMENT")
}

func TestAKeyThatIsMissingOrWrongIsRefusedAndNeverRecorded(t *testing.T) {
	s := startServer(t, Config{})
	s.On(Any(), Text("hello"))
	_, err := client(t, s, "not-"+s.APIKey()).Models.GenerateContent(t.Context(), "gemini-3.8-flash", genai.Text("hi"), nil)
	e := wantAPIError(t, err, 400, "INVALID_ARGUMENT")
	if len(e.Details) != 2 || e.Details[0]["reason"] != "API_KEY_INVALID" {
		t.Errorf("details are %v", e.Details)
	}
	if status, _ := post(t, s, "/v1beta/models/gemini-3.8-flash:generateContent?key="+s.APIKey(), "", `{}`); status != 403 {
		t.Errorf("a key in the URL got %d, want 403", status)
	}
	if p := s.Problems(); len(p) != 1 || !strings.Contains(p[0], "key in the URL") {
		t.Errorf("problems: %q", p)
	}
	if text := jsonOf(t, s.Calls()); strings.Contains(text, s.APIKey()) {
		t.Error("the key was recorded")
	}
}

func TestAnUnknownModelIsNotFoundInGooglesWords(t *testing.T) {
	s := startServer(t, Config{})
	_, err := askModel(t, s, "gemini-1.0-pro", "hi", nil)
	if e := wantAPIError(t, err, 404, "NOT_FOUND"); !strings.HasPrefix(e.Message, "models/gemini-1.0-pro is not found for API version v1beta, ") {
		t.Errorf("message is %q", e.Message)
	}
	wantNoProblems(t, s)
}

func TestMalformedRequestsAreRefusedAsGoogleDoes(t *testing.T) {
	for name, tc := range map[string]struct {
		body, message string
	}{
		"no JSON":             {`{"contents":`, "Invalid JSON payload received."},
		"an unknown field":    {`{"messages":[]}`, `Unknown name "messages": Cannot find field.`},
		"an unknown setting":  {`{"generationConfig":{"max_tokens":5}}`, `Unknown name "max_tokens" at 'generation_config': Cannot find field.`},
		"an unknown thinking": {`{"generationConfig":{"thinkingConfig":{"level":1}}}`, `at 'generation_config.thinking_config': Cannot find field.`},
		"a wrong type":        {`{"contents":"hi"}`, "Invalid value"},
		"no contents":         {`{}`, "contents is not specified"},
		"no parts":            {`{"contents":[{"role":"user"}]}`, "contents[0].parts"},
		"a role of OpenAI":    {`{"contents":[{"role":"assistant","parts":[{"text":"a"}]}]}`, "valid role"},
		"two schemas": {`{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseMimeType":"application/json",
			"responseSchema":{"type":"OBJECT"},"responseJsonSchema":{"type":"object"}}}`, "Only one of"},
		"JSON Schema words in an OpenAPI schema": {`{"contents":[{"parts":[{"text":"a"}]}],"generation_config":{"response_mime_type":"application/json",
			"response_schema":{"type":"OBJECT","properties":{"a":{"type":"STRING","const":"x"}},"additionalProperties":false}}}`,
			`Unknown name "additionalProperties" at 'generation_config.response_schema': Cannot find field.`},
		"a type in an OpenAPI schema that does not exist": {`{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"responseMimeType":"application/json",
			"responseSchema":{"type":["string","null"]}}}`, "Type), "},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, Config{})
			s.On(Any(), Text("hello"))
			status, body := post(t, s, "/v1beta/models/gemini-3.8-flash:generateContent", s.APIKey(), tc.body)
			if status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), tc.message) {
				t.Errorf("%d %s, want 400 with %q", status, body, tc.message)
			}
			if got := s.Calls()[0].Body; got != tc.body {
				t.Errorf("recorded body %q", got)
			}
		})
	}
}

func TestPathsThatDoNotExistAreAPageAndAProblem(t *testing.T) {
	s := startServer(t, Config{PathPrefix: "/p"})
	for _, path := range []string{"/", "/v1beta/v1beta/models/gemini-3.8-flash:generateContent", "/v1/models/gemini-3.8-flash:generateContent",
		"/v1beta/models/gemini-3.8-flash:countTokens", "/v1beta/models/a/b:generateContent"} {
		status, body := post(t, s, path, s.APIKey(), `{}`)
		if status != 404 || !strings.HasPrefix(body, "<!DOCTYPE html>") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _ := post(t, s, "/v1beta/models/gemini-3.8-flash:streamGenerateContent", s.APIKey(), `{}`); status != 501 {
		t.Errorf("a stream without alt=sse got %d", status)
	}
	if p := s.Problems(); len(p) != 6 {
		t.Errorf("problems: %q", p)
	}
}
