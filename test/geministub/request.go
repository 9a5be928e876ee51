package geministub

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Request is a parsed call of generateContent. Fields the stand-in does not look at are only in Call.Body.
type Request struct {
	Model             string           `json:"-"` // as asked for, from the path
	Stream            bool             `json:"-"`
	SystemInstruction Content          `json:"systemInstruction"`
	Contents          []Content        `json:"contents"`
	GenerationConfig  GenerationConfig `json:"generationConfig"`
	SafetySettings    []SafetySetting  `json:"safetySettings"`
}

// Content is one turn. An empty Role means user.
type Content struct {
	Role  string `json:"role"`
	Parts []Part `json:"parts"`
}

// Part is a piece of a turn; only text is understood.
type Part struct {
	Text             string          `json:"text"`
	Thought          bool            `json:"thought"`
	FunctionResponse json.RawMessage `json:"functionResponse"`
}

// GenerationConfig holds the settings the stand-in checks. Pointers tell "not sent" from zero.
type GenerationConfig struct {
	ResponseMIMEType   string          `json:"responseMimeType"`
	ResponseSchema     json.RawMessage `json:"responseSchema"`     // OpenAPI subset
	ResponseJSONSchema json.RawMessage `json:"responseJsonSchema"` // JSON Schema subset
	MaxOutputTokens    int             `json:"maxOutputTokens"`
	Seed               *int            `json:"seed"`
	Temperature        *float64        `json:"temperature"`
	TopP               *float64        `json:"topP"`
	TopK               *float64        `json:"topK"`
	CandidateCount     int             `json:"candidateCount"`
	ResponseLogprobs   bool            `json:"responseLogprobs"`
	Logprobs           *int            `json:"logprobs"`
	ThinkingConfig     ThinkingConfig  `json:"thinkingConfig"`
}

// ThinkingConfig is how much a model may think.
type ThinkingConfig struct {
	IncludeThoughts bool   `json:"includeThoughts"`
	ThinkingBudget  *int   `json:"thinkingBudget"`
	ThinkingLevel   string `json:"thinkingLevel"`
}

// SafetySetting is a filter's threshold.
type SafetySetting struct {
	Category  string `json:"category"`
	Threshold string `json:"threshold"`
}

// Prompt is all text of the request in order: system instruction first, then every part of every turn, joined by newlines.
func (r Request) Prompt() string {
	var texts []string
	for _, c := range slices.Concat([]Content{r.SystemInstruction}, r.Contents) {
		for _, p := range c.Parts {
			texts = append(texts, p.Text)
		}
	}
	return strings.Join(texts, "\n")
}

// PromptHash is the SHA-256, in hex, of who says what in the request. Model, seed, schema and settings are not part of it, so that
// repeated samples of one prompt share a hash.
func (r Request) PromptHash() string {
	turns := slices.Concat([]Content{r.SystemInstruction}, r.Contents)
	turns[0].Role = "system"
	h := sha256.New()
	for _, c := range turns {
		for _, p := range c.Parts {
			fmt.Fprintf(h, "%s %d\n%s\n", c.Role, len(p.Text), p.Text)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// names lists the fields Gemini knows at each place of a request, in camel case. Anything else is answered with 400.
var names = map[string][]string{
	"": {"model", "contents", "tools", "toolConfig", "safetySettings", "systemInstruction", "generationConfig", "cachedContent", "serviceTier", "store"},
	"generation_config": {"stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "candidateCount",
		"maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty", "responseLogprobs", "logprobs",
		"enableEnhancedCivicAnswers", "speechConfig", "thinkingConfig", "imageConfig", "mediaResolution"},
	"generation_config.thinking_config": {"includeThoughts", "thinkingBudget", "thinkingLevel"},
}

// parseRequest reads a body as Gemini does: unknown names and wrong types are 400. Names may be in camel or in snake case.
func parseRequest(body []byte) (Request, *apiError) {
	top, fail := known(body, "")
	if fail != nil {
		return Request{}, fail
	}
	if raw, ok := top["generationConfig"]; ok {
		gen, fail := known(raw, "generation_config")
		if fail != nil {
			return Request{}, fail
		}
		if raw, ok := gen["thinkingConfig"]; ok {
			think, fail := known(raw, "generation_config.thinking_config")
			if fail != nil {
				return Request{}, fail
			}
			gen["thinkingConfig"] = compact(think)
		}
		top["generationConfig"] = compact(gen)
	}
	var r Request
	if err := json.Unmarshal(compact(top), &r); err != nil {
		return Request{}, invalidArgument("Invalid value in the request: " + err.Error())
	}
	return r, nil
}

// known splits an object into its fields, in camel case, and refuses those that Gemini does not know at this place.
func known(raw []byte, at string) (map[string]json.RawMessage, *apiError) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, invalidArgument("Invalid JSON payload received. " + err.Error())
	}
	var violations []violation
	out := make(map[string]json.RawMessage, len(in))
	for _, name := range sortedKeys(in) {
		key := camel(name)
		if !slices.Contains(names[at], key) {
			violations = append(violations, unknownName(name, at))
		}
		out[key] = in[name]
	}
	if violations != nil {
		return nil, badFields(violations)
	}
	return out, nil
}

// compact puts fields together again. They were JSON before, so encoding cannot fail.
func compact(fields map[string]json.RawMessage) json.RawMessage {
	raw, _ := json.Marshal(fields)
	return raw
}

// camel turns snake case into camel case and leaves everything else alone.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		if w != "" {
			words[i+1] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
