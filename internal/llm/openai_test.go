package llm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/test/geministub"
)

// chatServer speaks chat completions as OpenAI documents them: it checks each
// request and answers with the next body.
func chatServer(t *testing.T, bodies ...func(w http.ResponseWriter)) *httptest.Server {
	t.Helper()
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		checkChat(t, r)
		if n == len(bodies) {
			t.Error("one request too many")
			w.WriteHeader(http.StatusTeapot)
			return
		}
		bodies[n](w)
		n++
	}))
	t.Cleanup(func() {
		srv.Close()
		if n != len(bodies) {
			t.Errorf("%d requests, want %d", n, len(bodies))
		}
	})
	return srv
}

func checkChat(t *testing.T, r *http.Request) (format string) {
	t.Helper()
	var req struct {
		Model    string
		Seed     int
		Messages []struct{ Role, Content string }
		Format   struct {
			Type   string
			Schema struct {
				Name   string
				Strict bool
				Schema map[string]any
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&req); err != nil {
		t.Errorf("the request has more or less than it should: %v", err)
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"))
	}
	if got := r.Header.Get("Authorization"); got != "Bearer local" {
		t.Errorf("authorization %q", got)
	}
	if req.Model != "llama3.1:8b" || len(req.Messages) != 2 || req.Messages[0].Role != "system" || !strings.Contains(req.Messages[1].Content, "[e3] log") {
		t.Errorf("model %q, messages %+v", req.Model, req.Messages)
	}
	inWords := strings.Contains(req.Messages[0].Content, `"additionalProperties":false`)
	switch req.Format.Type {
	case "json_schema":
		if !req.Format.Schema.Strict || strings.Contains(fmt.Sprint(req.Format.Schema.Schema), "propertyOrdering") || inWords {
			t.Errorf("format %+v", req.Format)
		}
	case "json_object", "":
		if req.Format.Schema.Schema != nil || !inWords {
			t.Errorf("without a schema in the format it must stand in words: %+v", req.Format)
		}
	default:
		t.Errorf("format %+v", req.Format)
	}
	return req.Format.Type
}

func says(t *testing.T, content, finish string) func(http.ResponseWriter) {
	return sends(200, jsonOf(t, map[string]any{
		"id": "c1", "object": "chat.completion", "model": "llama3.1:8b",
		"choices": []any{map[string]any{"index": 0, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": content, "refusal": nil}}},
		"usage":   map[string]any{"prompt_tokens": 1900, "completion_tokens": 120, "total_tokens": 2020},
	}))
}

func sends(status int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}
}

func openAIOf(t *testing.T, srv *httptest.Server) *Explainer {
	t.Helper()
	return newExplainer(t, Config{Provider: "openai", Model: "llama3.1:8b", BaseURL: srv.URL + "/v1/", APIKey: "local"})
}

func TestAnOpenAICompatibleEndpointExplainsACase(t *testing.T) {
	srv := chatServer(t, says(t, jsonOf(t, saying(sound())), "stop"))
	got := explain(t, openAIOf(t, srv))
	if len(got.Hypotheses) != 1 || got.Prompt != 1900 || got.Answer != 120 || got.Model != "llama3.1:8b" || got.Hypotheses[0].Confidence.Basis != uncalibrated {
		t.Errorf("%+v", got)
	}
}

func TestAnOpenAICompatibleEndpointFailsInOneSentence(t *testing.T) {
	ok := jsonOf(t, saying(sound()))
	type bodies = []func(http.ResponseWriter)
	wrong := sends(400, `{"error":{"message":"what is this","code":null}}`)
	quota := `{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}`
	for name, tt := range map[string]struct {
		bodies bodies
		want   sentence
	}{
		"a cut answer":      {bodies{says(t, ok[:20], "length")}, saidCut},
		"a filter":          {bodies{says(t, "", "content_filter")}, saidRefused},
		"an empty answer":   {bodies{says(t, " ", "stop")}, saidEmpty},
		"a refusal":         {bodies{sends(200, `{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"I cannot"}}]}`)}, saidRefused},
		"no choice":         {bodies{sends(200, `{"choices":[]}`)}, saidEmpty},
		"prose twice":       {bodies{says(t, "well", "stop"), says(t, "well", "stop")}, saidWrongForm},
		"a wrong key":       {bodies{sends(401, `{"error":{"message":"bad key","code":"invalid_api_key"}}`)}, saidKey},
		"a missing model":   {bodies{sends(404, `{"error":{"message":"model not found","code":"model_not_found"}}`)}, saidNoModel},
		"a bad request":     {bodies{wrong, wrong, wrong}, saidRejected},
		"a spent balance":   {bodies{sends(429, quota)}, saidDay},
		"a long rate limit": {bodies{sends(429, `{"error":{"code":"rate_limit_exceeded"}}`, "Retry-After", "3600")}, saidMinute},
		"not implemented":   {bodies{sends(501, `no`)}, saidServer},
	} {
		t.Run(name, func(t *testing.T) {
			if got := explain(t, openAIOf(t, chatServer(t, tt.bodies...))); got.Failure != tt.want.text() {
				t.Errorf("%q, want %q", got.Failure, tt.want.text())
			}
		})
	}
}

func TestAnOpenAICompatibleEndpointIsAskedAgain(t *testing.T) {
	srv := chatServer(t, sends(503, `{"error":{"message":"loading model"}}`), says(t, jsonOf(t, saying(sound())), "stop"))
	if got := explain(t, openAIOf(t, srv)); len(got.Hypotheses) != 1 {
		t.Errorf("%q", got.Failure)
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Finish("SAFETY"))
	before := runtime.NumGoroutine()
	e := geminiOf(t, stub)
	for range 5 {
		explain(t, e)
	}
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
		time.Sleep(10 * time.Millisecond)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}
