package incident

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// TextEdit is a correction of one key of a ConfigMap, for people: nothing applies
// it. Before and After are the SHA-256 of the key's whole text. Each line is the
// very text, because a correction of lines that hold something to redact is not
// made.
type TextEdit struct {
	Target action.Ref        `json:"target"`
	Key    string            `json:"key"`
	Lines  []LineReplacement `json:"lines"`
	Before action.Hash       `json:"before"`
	After  action.Hash       `json:"after"`
}

// LineReplacement replaces one line, counted from 1 in the text before and
// without its end; After may hold several lines.
type LineReplacement struct {
	Line   int         `json:"line"`
	Before redact.Text `json:"before"`
	After  redact.Text `json:"after"`
}
