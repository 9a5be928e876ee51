package app

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/redact"
)

// checkModel refuses settings of the model that cannot work. A budget of nothing
// is one of them: who wants no model says AI_PROVIDER=none.
func (s Settings) checkModel() []error {
	var errs []error
	if s.AIProvider != "gemini" && s.AIProvider != "openai" && s.AIProvider != "none" {
		errs = append(errs, fmt.Errorf("AI_PROVIDER: %q is not known; use gemini, openai (any compatible endpoint) or none", s.AIProvider))
	}
	if s.AISamples < 1 || s.AISamples > llm.MaxSamples {
		errs = append(errs, fmt.Errorf("AI_SAMPLES: %d is not between 1 and %d", s.AISamples, llm.MaxSamples))
	}
	for name, n := range map[string]int{
		"AI_CALLS_PER_HOUR": s.AICallsPerHour, "AI_CALLS_PER_DAY": s.AICallsPerDay,
		"AI_TOKENS_PER_INCIDENT": s.AITokensPerIncident, "AI_TOKENS_PER_DAY": s.AITokensPerDay,
	} {
		if n < 1 {
			errs = append(errs, fmt.Errorf("%s: %d would ask no model; use 1 or more, or AI_PROVIDER=none", name, n))
		}
	}
	for name, price := range map[string]float64{"AI_PRICE_PER_MILLION_IN": s.AIPriceIn, "AI_PRICE_PER_MILLION_OUT": s.AIPriceOut} {
		if !(price >= 0 && price < 1e9) { // so that NaN is refused
			errs = append(errs, fmt.Errorf("%s: %v is no price; use 0 for none", name, price))
		}
	}
	return errs
}

// model is what the settings say about the model.
func (s Settings) model(redactor *redact.Redactor, log *slog.Logger) llm.Config {
	return llm.Config{
		Provider: s.AIProvider, Model: s.AIModel, BaseURL: s.AIBaseURL, APIKey: s.AIAPIKey,
		Redactor: redactor, Now: time.Now, Log: log, Samples: s.AISamples,
		CallsPerHour: s.AICallsPerHour, CallsPerDay: s.AICallsPerDay,
		TokensPerIncident: s.AITokensPerIncident, TokensPerDay: s.AITokensPerDay,
		PriceIn: s.AIPriceIn, PriceOut: s.AIPriceOut,
	}
}
