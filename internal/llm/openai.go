package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const openAIBase = "https://api.openai.com/v1"

// openAI speaks the part of OpenAI's chat completions that Ollama, vLLM,
// LiteLLM and Gemini's own compatible endpoint share. It sends neither sampling
// settings nor a length: servers disagree on the names of both.
type openAI struct {
	client             *http.Client
	url, model, bearer string
	log                *slog.Logger
	format             atomic.Int32 // the formatting that the endpoint takes
}

// How an answer's form is asked for. An endpoint that refuses one is asked with
// the next; what worked is kept.
const (
	bySchema int32 = iota // response_format json_schema
	byObject              // response_format json_object, and the schema in words
	byWords               // the schema in words alone
)

func newOpenAI(client *http.Client, base, model, key string, log *slog.Logger) (*openAI, error) {
	switch {
	case !otherModel.MatchString(model):
		return nil, fmt.Errorf("AI_MODEL: %q is not the name of a model", clip(model))
	case base == "" && key == "":
		return nil, errors.New("AI_API_KEY: OpenAI needs a key; for an endpoint without one set AI_BASE_URL")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("AI_API_KEY: a key has no blanks, line ends or other special characters")
	case base == "":
		base = openAIBase
	}
	return &openAI{client: client, url: base + "/chat/completions", model: model, bearer: key, log: log}, nil
}

type chatRequest struct {
	Model          string          `json:"model"`
	Messages       []chatMessage   `json:"messages"`
	ResponseFormat *responseFormat `json:"response_format,omitempty"`
	// Seed keeps samples of one question apart where a gateway caches answers.
	Seed int `json:"seed,omitempty"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type responseFormat struct {
	Type   string       `json:"type"`
	Schema *namedSchema `json:"json_schema,omitempty"`
}

type namedSchema struct {
	Name   string         `json:"name"`
	Strict bool           `json:"strict"`
	Schema map[string]any `json:"schema"`
}

type chatResponse struct {
	Model   string `json:"model"`
	Choices []struct {
		Message struct {
			Content string `json:"content"`
			Refusal string `json:"refusal"`
		} `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
	} `json:"usage"`
}

// request is the question in one of the formats.
func (o *openAI) request(q question, format int32) (chatRequest, error) {
	r := chatRequest{Model: o.model, Messages: []chatMessage{{"system", q.system}, {"user", q.user}}, Seed: q.sample}
	if format == bySchema {
		r.ResponseFormat = &responseFormat{Type: "json_schema", Schema: &namedSchema{Name: "root_cause", Strict: true, Schema: q.schema}}
		return r, nil
	}
	schema, err := json.Marshal(q.schema)
	if err != nil {
		return chatRequest{}, fmt.Errorf("encode the schema of answers: %w", err)
	}
	r.Messages[0].Content += "\nThe JSON schema of the answer:\n" + string(schema) + "\n"
	if format == byObject {
		r.ResponseFormat = &responseFormat{Type: "json_object"}
	}
	return r, nil
}

// ask sends one request.
func (o *openAI) ask(ctx context.Context, q question) (answer, error) {
	format := o.format.Load()
	r, err := o.request(q, format)
	if err != nil {
		return answer{}, err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return answer{}, fmt.Errorf("encode the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
	if err != nil {
		return answer{}, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if o.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+o.bearer)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		return answer{}, transportFailure(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written to it
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, transportFailure(err)
	}
	if resp.StatusCode != http.StatusOK {
		return answer{}, o.refused(resp, raw, format)
	}
	a, err := readOpenAI(raw)
	o.compare(a, r.Messages)
	return a, err
}

// refused reads an error. Endpoints that do not know a response_format say so
// with 400 or 422 and in words of their own, so that the next try, at once, asks
// for less; where every format is refused the request itself is wrong.
func (o *openAI) refused(resp *http.Response, raw []byte, format int32) error {
	err := openAIFailure(resp, raw)
	if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusUnprocessableEntity {
		return err
	}
	if format == byWords {
		o.format.CompareAndSwap(byWords, bySchema)
		return err
	}
	o.format.CompareAndSwap(format, format+1)
	f := asFailure(err)
	f.plainer = true
	return f
}

// compare warns where an endpoint read far less than was sent: Ollama cuts long
// prompts without a word where its num_ctx is small.
func (o *openAI) compare(a answer, sent []chatMessage) {
	about := 0
	for _, m := range sent {
		about += tokensOf(m.Content)
	}
	if a.prompt > 0 && 2*a.prompt < about {
		o.log.Warn("the model's service seems to have read a part of the question only; where it is Ollama, raise num_ctx (OLLAMA_CONTEXT_LENGTH)",
			"counted", a.prompt, "expected", about)
	}
}

func readOpenAI(raw []byte) (answer, error) {
	var r chatResponse
	if err := json.Unmarshal(raw, &r); err != nil {
		return answer{}, troubled(saidServer, errors.New("the response could not be read"))
	}
	a := answer{model: r.Model, prompt: r.Usage.Prompt, output: r.Usage.Completion}
	if len(r.Choices) == 0 {
		return a, fails(saidEmpty, errors.New("no choice"))
	}
	choice := r.Choices[0]
	switch {
	case choice.Message.Refusal != "" || choice.FinishReason == "content_filter":
		return a, fails(saidRefused, fmt.Errorf("finish reason %q", choice.FinishReason))
	case choice.FinishReason == "length":
		return a, fails(saidCut, errors.New("finish reason length"))
	case strings.TrimSpace(choice.Message.Content) == "":
		return a, fails(saidEmpty, fmt.Errorf("finish reason %q", choice.FinishReason))
	}
	a.text = withoutThoughts(choice.Message.Content)
	if strings.TrimSpace(a.text) == "" {
		return a, fails(saidEmpty, errors.New("thoughts alone"))
	}
	return a, nil
}

// withoutThoughts cuts off what some local models think aloud before they
// answer; it may hold braces.
func withoutThoughts(text string) string {
	if !strings.HasPrefix(strings.TrimSpace(text), "<think>") {
		return text
	}
	_, rest, _ := strings.Cut(text, "</think>")
	return rest
}

// openAIFailure reads an error. A spent balance is a 429 that waiting does not
// help.
func openAIFailure(resp *http.Response, raw []byte) error {
	var e struct {
		Error struct {
			Message string `json:"message"`
			Code    any    `json:"code"`
		} `json:"error"`
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		e.Error.Message = "not in OpenAI's form"
	}
	f := httpFailure(resp.StatusCode, fmt.Errorf("status %d: %s", resp.StatusCode, e.Error.Message))
	if wait := retryAfter(resp.Header); wait > 0 && f.again {
		f.after = wait
	}
	if resp.StatusCode == http.StatusTooManyRequests && e.Error.Code == "insufficient_quota" {
		f.why, f.again, f.daily = saidDay.text(), false, true
	}
	return f
}

// retryAfter reads the pause that an endpoint asks for, in seconds or as a date.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 86400)) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), memory)
}
