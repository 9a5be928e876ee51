package app

import (
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/llm"
	"github.com/countersign-dev/countersign/internal/redact"
)

func TestSettingsOfTheModelThatCannotWorkAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"AI_PROVIDER: \"claude\"":            func(s *Settings) { s.AIProvider = "claude" },
		"AI_SAMPLES: 6 is not":               func(s *Settings) { s.AISamples = 6 },
		"AI_SAMPLES: 0 is not":               func(s *Settings) { s.AISamples = 0 },
		"AI_CALLS_PER_HOUR: 0":               func(s *Settings) { s.AICallsPerHour = 0 },
		"AI_CALLS_PER_DAY: -1":               func(s *Settings) { s.AICallsPerDay = -1 },
		"AI_TOKENS_PER_INCIDENT: 0":          func(s *Settings) { s.AITokensPerIncident = 0 },
		"AI_TOKENS_PER_DAY: 0":               func(s *Settings) { s.AITokensPerDay = 0 },
		"AI_PRICE_PER_MILLION_IN: NaN":       func(s *Settings) { s.AIPriceIn = math.NaN() },
		"AI_PRICE_PER_MILLION_OUT: -1 is no": func(s *Settings) { s.AIPriceOut = -1 },
	} {
		s := DefaultSettings()
		change(&s)
		if errs := s.checkModel(); len(errs) != 1 || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("%s: %v", want, errs)
		}
	}
	if errs := DefaultSettings().checkModel(); errs != nil {
		t.Errorf("the defaults: %v", errs)
	}
}

func TestEverySettingOfTheModelReachesIt(t *testing.T) {
	env := map[string]string{
		"AI_PROVIDER": "openai", "AI_MODEL": "m", "AI_BASE_URL": "http://127.0.0.1:1", "AI_API_KEY": "k", "AI_SAMPLES": "3",
		"AI_CALLS_PER_HOUR": "4", "AI_CALLS_PER_DAY": "5", "AI_TOKENS_PER_INCIDENT": "6", "AI_TOKENS_PER_DAY": "7",
		"AI_PRICE_PER_MILLION_IN": "0.5", "AI_PRICE_PER_MILLION_OUT": "2.5",
	}
	s, err := LoadSettings("", func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	got := s.model(redact.New(redact.Config{}), slog.New(slog.DiscardHandler))
	got.Redactor, got.Now, got.Log = nil, nil, nil
	want := llm.Config{
		Provider: "openai", Model: "m", BaseURL: "http://127.0.0.1:1", APIKey: "k", Samples: 3, CallsPerHour: 4, CallsPerDay: 5,
		TokensPerIncident: 6, TokensPerDay: 7, PriceIn: 0.5, PriceOut: 2.5,
	}
	if got.Provider != want.Provider || got.Model != want.Model || got.BaseURL != want.BaseURL || got.APIKey != want.APIKey || got.Samples != want.Samples ||
		got.CallsPerHour != want.CallsPerHour || got.CallsPerDay != want.CallsPerDay || got.TokensPerIncident != want.TokensPerIncident ||
		got.TokensPerDay != want.TokensPerDay || got.PriceIn != want.PriceIn || got.PriceOut != want.PriceOut {
		t.Errorf("got %+v", got)
	}
}
