package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/genai"
)

// geminiBase is named outright: left empty, the library asks the environment.
const geminiBase = "https://generativelanguage.googleapis.com"

// maxAnswerTokens bounds one answer, the model's thoughts included.
const maxAnswerTokens = 8192

// gemini speaks to the Gemini API by Google's library, with its retries and
// continuations off: both would send requests that nobody counts.
type gemini struct {
	client *genai.Client
	model  string
}

func newGemini(ctx context.Context, client *http.Client, base, model, key string) (*gemini, error) {
	switch {
	case !geminiModel.MatchString(model):
		return nil, fmt.Errorf("AI_MODEL: %q is not the name of a Gemini model, such as gemini-3.8-flash", clip(model))
	case key == "":
		return nil, errors.New("AI_API_KEY: Gemini needs a key; without one set AI_PROVIDER to none")
	case base == "":
		base = geminiBase
	}
	c, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: key, Backend: genai.BackendGeminiAPI, HTTPClient: client,
		HTTPOptions: genai.HTTPOptions{BaseURL: base},
	})
	if err != nil {
		return nil, errors.New("set up the Gemini client: the library refused the settings") // its message holds the key
	}
	return &gemini{client: c, model: model}, nil
}

// ask sends one request. Sampling settings stay out: models from 3.6 on
// disregard them, later ones refuse them.
func (g *gemini) ask(ctx context.Context, q question) (a answer, err error) {
	defer func() {
		if p := recover(); p != nil { // the library asserts types of what a service sent
			err = troubled(saidServer, errors.New("the response has fields of the wrong type"))
		}
	}()
	var seed *int32
	if q.sample > 0 {
		seed = genai.Ptr(int32(q.sample))
	}
	resp, err := g.client.Models.GenerateContent(ctx, g.model,
		[]*genai.Content{{Role: genai.RoleUser, Parts: []*genai.Part{{Text: q.user}}}},
		&genai.GenerateContentConfig{
			SystemInstruction:     &genai.Content{Role: genai.RoleUser, Parts: []*genai.Part{{Text: q.system}}},
			ResponseMIMEType:      "application/json",
			ResponseJsonSchema:    ordered(q.schema),
			MaxOutputTokens:       maxAnswerTokens,
			Seed:                  seed,
			AutomaticContinuation: genai.Ptr(false),
			// Logs with exploits in them are about danger, not dangerous.
			SafetySettings: []*genai.SafetySetting{{
				Category: genai.HarmCategoryDangerousContent, Threshold: genai.HarmBlockThresholdBlockOnlyHigh,
			}},
		})
	if err != nil {
		return answer{}, geminiFailure(err)
	}
	return readGemini(resp)
}

// readGemini takes the text out of a response, or the reason why it has none.
func readGemini(resp *genai.GenerateContentResponse) (answer, error) {
	a := answer{model: resp.ModelVersion}
	if u := resp.UsageMetadata; u != nil {
		a.prompt, a.output = int(u.PromptTokenCount), int(u.CandidatesTokenCount+u.ThoughtsTokenCount)
	}
	if f := resp.PromptFeedback; f != nil && f.BlockReason != "" {
		return a, fails(saidRefused, fmt.Errorf("prompt blocked: %s", f.BlockReason))
	}
	if len(resp.Candidates) == 0 || resp.Candidates[0] == nil {
		return a, fails(saidEmpty, errors.New("no candidate"))
	}
	cand := resp.Candidates[0]
	switch cand.FinishReason {
	case genai.FinishReasonStop, genai.FinishReasonUnspecified, "":
	case genai.FinishReasonMaxTokens, genai.FinishReasonContinuation:
		return a, fails(saidCut, fmt.Errorf("finish reason %s", cand.FinishReason))
	default:
		return a, fails(saidRefused, fmt.Errorf("finish reason %s", cand.FinishReason))
	}
	var b strings.Builder
	if cand.Content != nil {
		for _, p := range cand.Content.Parts {
			if p != nil && !p.Thought {
				b.WriteString(p.Text)
			}
		}
	}
	if a.text = b.String(); strings.TrimSpace(a.text) == "" {
		return a, fails(saidEmpty, errors.New("no text in the candidate"))
	}
	return a, nil
}

// ordered adds Gemini's own keyword for the order in which properties are
// written, so that proof comes before confidence. The library sorts the rest.
func ordered(schema map[string]any) map[string]any {
	out := make(map[string]any, len(schema)+1)
	for k, v := range schema {
		switch v := v.(type) {
		case map[string]any:
			out[k] = ordered(v)
		default:
			out[k] = v
		}
	}
	if required, ok := schema["required"].([]string); ok {
		out["propertyOrdering"] = required
	}
	return out
}

// geminiFailure reads Google's error.
func geminiFailure(err error) error {
	var e genai.APIError
	if !errors.As(err, &e) {
		return transportFailure(err)
	}
	f := httpFailure(e.Code, err)
	for _, d := range e.Details {
		kind, _ := d["@type"].(string)
		switch kind[strings.LastIndexByte(kind, '.')+1:] {
		case "QuotaFailure":
			f.daily = f.daily || e.Code == http.StatusTooManyRequests && namesDay(d["violations"])
		case "RetryInfo":
			text, _ := d["retryDelay"].(string)
			if delay, err := time.ParseDuration(text); err == nil && delay > 0 {
				f.after = delay
			}
		case "ErrorInfo":
			if d["reason"] == "API_KEY_INVALID" {
				f.why = saidKey.text()
			}
		}
	}
	if f.daily { // a delay is named too, and helps nobody
		f.why, f.again = saidDay.text(), false
	}
	return f
}

// transportFailure is for what went wrong before or within a response. The
// library's errors about a response quote it, so they are not passed on.
func transportFailure(err error) error {
	var sending *url.Error
	var network *net.OpError
	switch {
	case errors.Is(err, errSecret):
		return err
	case errors.Is(err, errTooLong):
		return fails(saidServer, errTooLong)
	case errors.As(err, &sending), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		return troubled(saidUnreachable, err)
	}
	return troubled(saidServer, errors.New("the response could not be read"))
}

func namesDay(violations any) bool {
	list, _ := violations.([]any)
	for _, v := range list {
		fields, _ := v.(map[string]any)
		if id, _ := fields["quotaId"].(string); strings.Contains(id, "PerDay") {
			return true
		}
	}
	return false
}

// clip bounds a setting in an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
