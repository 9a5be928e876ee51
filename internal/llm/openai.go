package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const openAIBase = "https://api.openai.com/v1"

// openAI speaks the part of OpenAI's chat completions that Ollama, vLLM,
// LiteLLM and Gemini's own compatible endpoint share. It sends neither sampling
// settings nor a length: servers disagree on the names of both.
type openAI struct {
	client             *http.Client
	url, model, bearer string
}

func newOpenAI(client *http.Client, base, model, key string) (*openAI, error) {
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
	return &openAI{client: client, url: base + "/chat/completions", model: model, bearer: key}, nil
}

type chatRequest struct {
	Model          string         `json:"model"`
	Messages       []chatMessage  `json:"messages"`
	ResponseFormat responseFormat `json:"response_format"`
}

type chatMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type responseFormat struct {
	Type   string      `json:"type"`
	Schema namedSchema `json:"json_schema"`
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

// ask sends one request.
func (o *openAI) ask(ctx context.Context, q question) (answer, error) {
	body, err := json.Marshal(chatRequest{
		Model:    o.model,
		Messages: []chatMessage{{"system", q.system}, {"user", q.user}},
		ResponseFormat: responseFormat{Type: "json_schema", Schema: namedSchema{
			Name: "root_cause", Strict: true, Schema: q.schema,
		}},
	})
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
		return answer{}, openAIFailure(resp, raw)
	}
	return readOpenAI(raw)
}

func readOpenAI(raw []byte) (answer, error) {
	var r chatResponse
	if err := json.Unmarshal(raw, &r); err != nil {
		return answer{}, &failure{why: saidServer.text(), err: errors.New("the response could not be read"), again: true}
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
	a.text = choice.Message.Content
	return a, nil
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
		e.Error.Message = "not JSON"
	}
	f := httpFailure(resp.StatusCode, fmt.Errorf("status %d: %s", resp.StatusCode, e.Error.Message))
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 && f.again {
		f.after = time.Duration(min(seconds, 86400)) * time.Second
	}
	if resp.StatusCode == http.StatusTooManyRequests && e.Error.Code == "insufficient_quota" {
		f.why, f.again, f.daily = saidDay.text(), false, true
	}
	return f
}
