package kube

import (
	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// FileCheck is what a look inside one key of a ConfigMap found, whose text a
// program rejects by its log. It keeps no more of the text than it quotes.
type FileCheck struct {
	Key    string      `json:"key"`
	Faults []FileFault `json:"faults,omitzero"`
	Quotes []FileLine  `json:"quotes,omitzero"` // the lines that the log names
	// Edit corrects all Faults; nil where it cannot be told how, or where a line
	// to change holds something that redaction takes out.
	Edit *FileEdit `json:"edit,omitempty"`
}

// FileFault is something in a file for which the program does not start. Line is
// where it is, Reported the line that the program names; both count from 1.
type FileFault struct {
	Rule     string      `json:"rule"`
	Line     int         `json:"line"`
	Reported int         `json:"reported"`
	Message  redact.Text `json:"message"`
	Quote    redact.Text `json:"quote"` // the line
}

// FileLine is one line of a file.
type FileLine struct {
	Line int         `json:"line"`
	Text redact.Text `json:"text"`
}

// FileEdit replaces lines. Before and After are the SHA-256 of the key's whole
// text.
type FileEdit struct {
	Lines  []LineEdit  `json:"lines"`
	Before action.Hash `json:"before"`
	After  action.Hash `json:"after"`
}

// LineEdit replaces one line, without its end; After may hold several lines.
type LineEdit struct {
	Line   int         `json:"line"`
	Before redact.Text `json:"before"`
	After  redact.Text `json:"after"`
}

// FileCheck finds what is known of a key's text.
func (k Keys) FileCheck(key string) (FileCheck, bool) {
	for _, f := range k.Files {
		if f.Key == key {
			return f, true
		}
	}
	return FileCheck{}, false
}
