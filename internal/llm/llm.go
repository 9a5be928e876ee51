// Package llm asks a model about what the rules leave open.
package llm

import (
	"context"
	"errors"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Config of an Explainer.
type Config struct {
	Provider, Model, BaseURL, APIKey string
	Redactor                         *redact.Redactor
	Now                              func() time.Time
}

// Explainer asks one model.
type Explainer struct{ cfg Config }

// New makes an Explainer.
func New(_ context.Context, cfg Config) (*Explainer, error) {
	return nil, errors.New("the model client is not part of this build yet")
}

// Model is the model's name.
func (e *Explainer) Model() string { return e.cfg.Model }

// Explain asks the model.
func (e *Explainer) Explain(context.Context, incident.Diagnosis, []incident.Evidence) (incident.Explained, error) {
	return incident.Explained{}, errors.New("the model client is not part of this build yet")
}
