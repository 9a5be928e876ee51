package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/redact"
)

// minRedactionKey is in bytes; a shorter key could be guessed from placeholders.
const minRedactionKey = 32

// Redactor makes the redactor of a process. With a key of the installation its
// replicas give equal values equal placeholders; without one the key is random
// for the run.
func (s Settings) Redactor() (*redact.Redactor, error) {
	var cfg redact.Config
	if s.RedactionKeyFile != "" {
		raw, err := os.ReadFile(s.RedactionKeyFile)
		if err != nil {
			return nil, fmt.Errorf("REDACTION_KEY_FILE: %w", err)
		}
		if cfg.Key = bytes.TrimSpace(raw); len(cfg.Key) < minRedactionKey {
			return nil, fmt.Errorf("REDACTION_KEY_FILE: %s holds %d bytes, at least %d are needed (head -c 32 /dev/urandom | base64)", s.RedactionKeyFile, len(cfg.Key), minRedactionKey)
		}
	}
	rules, err := RedactionRules(s.RedactionRulesFile)
	if err != nil {
		return nil, fmt.Errorf("REDACTION_RULES_FILE: %w", err)
	}
	r, err := redact.NewWithRules(cfg, rules)
	if err != nil {
		return nil, fmt.Errorf("REDACTION_RULES_FILE %s: %w", s.RedactionRulesFile, err)
	}
	return r, nil
}

// RedactionRules reads the operator's own rules; no file means none.
func RedactionRules(file string) ([]redact.Rule, error) {
	if file == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the redaction rules: %w", err)
	}
	var doc struct {
		Rules []redact.Rule `json:"rules"`
	}
	if err := yaml.UnmarshalStrict(raw, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w (each rule has name, anchor, pattern, keepPrefix and example)", file, err)
	}
	return doc.Rules, nil
}

// RedactOptions shape one run of the stream filter.
type RedactOptions struct {
	RulesFile string
	// Show colours placeholders whatever the output is.
	Show bool
	// Report counts by kind, on Notes: "" for none, text or json.
	Report string
}

// RedactStream copies in to out as a model would see it.
func RedactStream(o RedactOptions, in io.Reader, out, notes io.Writer) error {
	rules, err := RedactionRules(o.RulesFile)
	if err != nil {
		return err
	}
	r, err := redact.NewWithRules(redact.Config{}, rules)
	if err != nil {
		return fmt.Errorf("%s: %w", o.RulesFile, err)
	}
	if err := redact.Filter(r, in, out, redact.FilterOptions{Colour: o.Show}); err != nil {
		return err
	}
	switch o.Report {
	case "json":
		return json.NewEncoder(notes).Encode(r.Report())
	case "text":
		return writeReport(r.Report(), notes)
	}
	return nil
}

func writeReport(counts map[string]int, notes io.Writer) error {
	if len(counts) == 0 {
		_, err := fmt.Fprintln(notes, "Nothing was hidden.")
		return err
	}
	w := tabwriter.NewWriter(notes, 0, 0, 2, ' ', tabwriter.AlignRight)
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	for _, kind := range kinds {
		fmt.Fprintf(w, "%d\t  %s\n", counts[kind], kind)
	}
	return w.Flush()
}
