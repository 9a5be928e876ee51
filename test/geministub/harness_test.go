package geministub

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"google.golang.org/genai"
)

// diagnosis is what the scripted model answers in these tests, and caseSchema what the tests ask it for.
type diagnosis struct {
	Cause      string   `json:"cause"`
	Confidence float64  `json:"confidence"`
	Evidence   []string `json:"evidence"`
}

var imageTag = diagnosis{Cause: "IMAGE_TAG_NOT_FOUND", Confidence: 0.9, Evidence: []string{"e1"}}

func caseSchema() map[string]any {
	return map[string]any{
		"type": "object",
		"properties": map[string]any{
			"cause":      map[string]any{"type": "string", "enum": []string{"IMAGE_TAG_NOT_FOUND", "OOM_KILLED"}},
			"confidence": map[string]any{"type": "number", "minimum": 0, "maximum": 1},
			"evidence":   map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "minItems": 1},
		},
		"required":             []string{"cause", "confidence", "evidence"},
		"additionalProperties": false,
	}
}

func withSchema() *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{ResponseMIMEType: "application/json", ResponseJsonSchema: caseSchema()}
}

func startServer(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	return s
}

// client is Google's own, with retries off: the stand-in's single answers are what the tests look at.
func client(t *testing.T, s *Server, key string) *genai.Client {
	t.Helper()
	c, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey:      key,
		Backend:     genai.BackendGeminiAPI,
		HTTPOptions: genai.HTTPOptions{BaseURL: s.URL()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, s *Server, prompt string, cfg *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error) {
	t.Helper()
	return askModel(t, s, "gemini-3.8-flash", prompt, cfg)
}

func askModel(t *testing.T, s *Server, model, prompt string, cfg *genai.GenerateContentConfig) (*genai.GenerateContentResponse, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return client(t, s, s.APIKey()).Models.GenerateContent(ctx, model, genai.Text(prompt), cfg)
}

// wantAPIError checks that the client read Google's error shape, and returns it.
func wantAPIError(t *testing.T, err error, code int, status string) genai.APIError {
	t.Helper()
	var e genai.APIError
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want a genai.APIError %d", err, code)
	}
	if e.Code != code || e.Status != status {
		t.Fatalf("error is %d %s (%s), want %d %s", e.Code, e.Status, e.Message, code, status)
	}
	return e
}

func wantNoProblems(t *testing.T, s *Server) {
	t.Helper()
	if p := s.Problems(); len(p) != 0 {
		t.Errorf("problems: %q", p)
	}
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
