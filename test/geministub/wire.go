package geministub

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// The answer's shape. Absent fields are left out, as Google leaves them out.
type wireResponse struct {
	Candidates     []wireCandidate `json:"candidates,omitempty"`
	PromptFeedback *wireFeedback   `json:"promptFeedback,omitempty"`
	UsageMetadata  wireUsage       `json:"usageMetadata"`
	ModelVersion   string          `json:"modelVersion"`
	ResponseID     string          `json:"responseId"`
}

type wireCandidate struct {
	Content       *wireContent `json:"content,omitempty"`
	FinishReason  string       `json:"finishReason,omitempty"`
	Index         int          `json:"index"`
	SafetyRatings []wireRating `json:"safetyRatings,omitempty"`
}

type wireContent struct {
	Parts []wirePart `json:"parts,omitempty"`
	Role  string     `json:"role"`
}

type wirePart struct {
	Text    string `json:"text"`
	Thought bool   `json:"thought,omitempty"`
}

type wireFeedback struct {
	BlockReason   string       `json:"blockReason"`
	SafetyRatings []wireRating `json:"safetyRatings,omitempty"`
}

type wireRating struct {
	Category    string `json:"category"`
	Probability string `json:"probability"`
	Blocked     bool   `json:"blocked,omitempty"`
}

type wireUsage struct {
	PromptTokenCount     int `json:"promptTokenCount"`
	CandidatesTokenCount int `json:"candidatesTokenCount,omitempty"`
	ThoughtsTokenCount   int `json:"thoughtsTokenCount,omitempty"`
	TotalTokenCount      int `json:"totalTokenCount"`
}

// responses gives the messages of one answer: one for generateContent, one per event for a stream. said is nil where the model
// says nothing at all.
func (r Reply) responses(req Request, said *string, model, id string) []wireResponse {
	base := wireResponse{ModelVersion: model, ResponseID: id, UsageMetadata: r.tokens(req, said)}
	if r.modelVersion != "" {
		base.ModelVersion = r.modelVersion
	}
	if r.block != "" {
		base.PromptFeedback = &wireFeedback{BlockReason: r.block}
		if r.block == "SAFETY" {
			base.PromptFeedback.SafetyRatings = dangerous()
		}
		return []wireResponse{base}
	}
	last := wireCandidate{FinishReason: r.finish}
	if r.finish == "SAFETY" {
		last.SafetyRatings = dangerous()
	}
	var parts []wirePart
	if r.thought != "" {
		parts = append(parts, wirePart{Text: r.thought, Thought: true})
	}
	switch {
	case said != nil && req.Stream:
		return r.stream(base, last, parts, *said)
	case said != nil:
		parts = append(parts, wirePart{Text: *said})
	}
	// Only a cut before the first word leaves an empty content behind; filters leave none.
	if parts != nil || r.finish == "MAX_TOKENS" {
		last.Content = &wireContent{Parts: parts, Role: "model"}
	}
	base.Candidates = []wireCandidate{last}
	return []wireResponse{base}
}

// stream spreads a text over events. Every event has running token counts, only the last has the finishReason.
func (r Reply) stream(base wireResponse, last wireCandidate, thoughts []wirePart, text string) []wireResponse {
	n := r.events
	if n <= 0 {
		n = 3
	}
	pieces := split(text, n)
	var out []wireResponse
	for i, piece := range pieces {
		event, candidate := base, wireCandidate{}
		if i == len(pieces)-1 {
			candidate = last
		} else {
			event.UsageMetadata.CandidatesTokenCount = base.UsageMetadata.CandidatesTokenCount * (i + 1) / len(pieces)
			event.UsageMetadata.TotalTokenCount += event.UsageMetadata.CandidatesTokenCount - base.UsageMetadata.CandidatesTokenCount
		}
		candidate.Content = &wireContent{Role: "model", Parts: []wirePart{{Text: piece}}}
		if i == 0 {
			candidate.Content.Parts = append(thoughts, candidate.Content.Parts...)
		}
		event.Candidates = []wireCandidate{candidate}
		out = append(out, event)
	}
	return out
}

// split cuts text into at most n pieces of about the same number of characters; an empty text is one piece.
func split(text string, n int) []string {
	runes := []rune(text)
	size := max(1, (len(runes)+n-1)/n)
	var pieces []string
	for len(runes) > size {
		pieces, runes = append(pieces, string(runes[:size])), runes[size:]
	}
	return append(pieces, string(runes))
}

// tokens are the scripted counts, or an estimate of four characters to the token.
func (r Reply) tokens(req Request, said *string) wireUsage {
	u := Usage{Prompt: estimate(req.Prompt())}
	if said != nil {
		u.Candidates = estimate(*said)
	}
	switch {
	case r.usage != nil:
		u = *r.usage
	case r.thought != "":
		u.Thoughts = estimate(r.thought)
	case said == nil && r.finish == "MAX_TOKENS":
		u.Thoughts = req.GenerationConfig.MaxOutputTokens
	}
	return wireUsage{u.Prompt, u.Candidates, u.Thoughts, u.Prompt + u.Candidates + u.Thoughts}
}

func estimate(text string) int { return (utf8.RuneCountInString(text) + 3) / 4 }

func dangerous() []wireRating {
	return []wireRating{{Category: "HARM_CATEGORY_DANGEROUS_CONTENT", Probability: "HIGH", Blocked: true}}
}

// encodeBody writes the messages as one JSON object, or as server-sent events.
func encodeBody(messages []wireResponse, stream bool) (string, []byte) {
	if !stream {
		return "application/json; charset=UTF-8", append(encode(messages[0], "  "), '\n')
	}
	var b strings.Builder
	for _, m := range messages {
		b.WriteString("data: ")
		b.Write(encode(m, ""))
		b.WriteString("\r\n\r\n")
	}
	return "text/event-stream", []byte(b.String())
}

// encodeJSON writes JSON without escaping < > &, as Google does, and without a newline at the end.
func encodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// encode is encodeJSON for values that always can be encoded, or whose JSON has been checked.
func encode(v any, indent string) []byte {
	raw, _ := encodeJSON(v, indent)
	return raw
}
