package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/countersign-dev/countersign/internal/incident"
)

// maxStatement bounds the text of an answer, in bytes.
const maxStatement = 64 << 10

// maxHypotheses is how many causes an answer may rank.
const maxHypotheses = 3

// novel is the code for a cause that the vocabulary lacks.
const novel = "novel"

// statement is an answer of the right form: hypotheses, or questions. Its
// content is not to be trusted.
type statement struct {
	Hypotheses []claim   `json:"hypotheses"`
	Ask        []inquiry `json:"ask,omitempty"`
}

type claim struct {
	Cause     string     `json:"cause"`
	NovelText string     `json:"novel_text"`
	Root      shownRef   `json:"root"`
	Citations []citation `json:"citations"`
	Summary   string     `json:"summary"`
	// Confidence is the model's own word.
	Confidence float64  `json:"confidence"`
	Candidate  int      `json:"candidate"`
	Steps      []string `json:"steps"`
}

// shownRef names an object as the prompt shows it.
type shownRef struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

type citation struct {
	ID    string `json:"id"`
	Quote string `json:"quote"`
}

// inquiry is a question in the model's words. Object is the number of an object
// that the prompt shows.
type inquiry struct {
	What      string `json:"what"`
	Object    string `json:"object"`
	Container string `json:"container"`
}

// codes are the causes that a model may name: saying unknown says nothing.
func codes() []string {
	var out []string
	for _, c := range incident.Causes() {
		if c != incident.Unknown {
			out = append(out, string(c))
		}
	}
	return append(out, novel)
}

// answerSchema is the JSON schema of an answer about evidence with these ids,
// this many candidates, and questions about objects with these numbers; without
// any, nothing may be asked. It uses only what Gemini documents, which leaves
// out the length of strings.
func answerSchema(ids []string, candidates int, askable []string) map[string]any {
	text := map[string]any{"type": "string"}
	hypotheses := list(maxHypotheses, object("cause novel_text root citations summary confidence candidate steps", map[string]any{
		"cause":      oneOf(codes()),
		"novel_text": text,
		"root":       object("kind namespace name", map[string]any{"kind": text, "namespace": text, "name": text}),
		"citations":  list(maxCites, object("id quote", map[string]any{"id": oneOf(ids), "quote": text})),
		"summary":    text,
		"confidence": map[string]any{"type": "number", "minimum": 0, "maximum": 1},
		"candidate":  map[string]any{"type": "integer", "minimum": -1, "maximum": candidates - 1},
		"steps":      list(maxSteps, text),
	}))
	if len(askable) == 0 {
		return object("hypotheses", map[string]any{"hypotheses": hypotheses})
	}
	return object("hypotheses ask", map[string]any{
		"hypotheses": hypotheses,
		"ask": list(maxQuestions, object("what object container", map[string]any{
			"what": oneOf(reads()), "object": oneOf(askable), "container": text,
		})),
	})
}

// reads are what a model may ask for.
func reads() []string {
	var out []string
	for _, a := range incident.Asks() {
		out = append(out, string(a))
	}
	return out
}

func oneOf(words []string) map[string]any { return map[string]any{"type": "string", "enum": words} }

// object is a closed object that needs all its properties, in this order.
func object(order string, properties map[string]any) map[string]any {
	return map[string]any{
		"type": "object", "properties": properties, "required": strings.Fields(order), "additionalProperties": false,
	}
}

func list(atMost int, items map[string]any) map[string]any {
	return map[string]any{"type": "array", "maxItems": atMost, "items": items}
}

// readStatement reads an answer. A code fence or a sentence around the object,
// which models add in spite of the schema, is passed over.
func readStatement(text string, form *jsonschema.Resolved) (statement, error) {
	if len(text) > maxStatement {
		return statement{}, errors.New("the answer is too long")
	}
	first, last := strings.IndexByte(text, '{'), strings.LastIndexByte(text, '}')
	if first < 0 || last < first {
		return statement{}, errors.New("the answer holds no JSON object")
	}
	raw := []byte(text[first : last+1])
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return statement{}, fmt.Errorf("read the answer: %w", err)
	}
	if err := form.Validate(value); err != nil {
		return statement{}, fmt.Errorf("check the answer: %w", err)
	}
	var s statement
	if err := json.Unmarshal(raw, &s); err != nil {
		return statement{}, fmt.Errorf("read the answer: %w", err)
	}
	return s, nil
}

func resolve(schema map[string]any) (*jsonschema.Resolved, error) {
	raw, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("encode the schema of answers: %w", err)
	}
	var parsed jsonschema.Schema
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return nil, fmt.Errorf("read the schema of answers: %w", err)
	}
	resolved, err := parsed.Resolve(nil)
	if err != nil {
		return nil, fmt.Errorf("resolve the schema of answers: %w", err)
	}
	return resolved, nil
}
