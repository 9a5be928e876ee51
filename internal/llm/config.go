package llm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/countersign-dev/countersign/internal/redact"
)

// The limits that hold where a Config names none.
const (
	DefaultCallsPerHour      = 10
	DefaultCallsPerDay       = 100
	DefaultTokensPerIncident = 40_000
	DefaultTokensPerDay      = 500_000
	DefaultTimeout           = 180 * time.Second
)

// MaxSamples is how many answers to one question are compared, at most.
const MaxSamples = 5

// Config of an Explainer.
type Config struct {
	// Provider is "gemini" or "openai", which stands for any endpoint with
	// OpenAI's chat completions.
	Provider string
	// Model is the model's name, as its service spells it.
	Model string
	// BaseURL is empty for the provider's own address. The environment is not
	// asked for one.
	BaseURL string
	// APIKey may be empty for an OpenAI-compatible endpoint with a BaseURL only.
	APIKey   string
	Redactor *redact.Redactor
	Now      func() time.Time // nil means time.Now
	// Transport carries the requests that the guard lets pass; nil means a new
	// one without idle connections.
	Transport http.RoundTripper
	Log       *slog.Logger // nil means no log; it never gets the model's words
	// CallsPerHour and CallsPerDay count every request, repeated ones too. A day
	// is the last 24 hours.
	CallsPerHour, CallsPerDay int
	// TokensPerIncident and TokensPerDay count both directions, as the service
	// counts them, in 24 hours.
	TokensPerIncident, TokensPerDay int
	// Samples is how many answers to the last question of a case are compared;
	// 0 and 1 mean one.
	Samples int
	// PriceIn and PriceOut are for a million tokens, in whatever currency; 0
	// where nobody set them.
	PriceIn, PriceOut float64
	// Timeout is for one Explain with all its questions and retries.
	Timeout time.Duration
}

// Explainer asks one model. It is safe for concurrent use and owns no
// goroutine.
type Explainer struct {
	model    string
	backend  backend
	redactor *redact.Redactor
	ledger   *ledger
	account  *accountant
	samples  int
	now      func() time.Time
	log      *slog.Logger
	timeout  time.Duration
}

// backend sends one question to one service. Its errors are of type *failure,
// or the context's.
type backend interface {
	ask(ctx context.Context, q question) (answer, error)
}

// question is one request, without a conversation.
type question struct {
	system, user string
	schema       map[string]any
	form         *jsonschema.Resolved // the schema, ready to check with
	mayAsk       bool                 // the schema has questions
	sample       int                  // 0 for the first answer, then 1, 2, …
}

// answer is what a model said. Its token counts are set beside an error too,
// where the service named them.
type answer struct {
	text           string
	said           statement // the text, once it has been read
	model          string    // as the service names the model that answered
	prompt, output int       // tokens; thoughts count as output
}

// The names that models have. Gemini's stands in a path.
var (
	geminiModel = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	otherModel  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}$`)
)

// New makes an Explainer. It sends nothing.
func New(ctx context.Context, cfg Config) (*Explainer, error) {
	if cfg.Redactor == nil {
		return nil, errors.New("a model client needs a redactor")
	}
	base, err := baseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Explainer{
		model: strings.TrimPrefix(cfg.Model, "models/"), redactor: cfg.Redactor, now: cfg.Now, log: cfg.Log,
		timeout: orElse(cfg.Timeout, DefaultTimeout), samples: min(orElse(cfg.Samples, 1), MaxSamples),
		account: &accountant{priceIn: cfg.PriceIn, priceOut: cfg.PriceOut},
		ledger: newLedger(cfg.Now, limits{
			callsPerHour: orElse(cfg.CallsPerHour, DefaultCallsPerHour), callsPerDay: orElse(cfg.CallsPerDay, DefaultCallsPerDay),
			tokensPerIncident: orElse(cfg.TokensPerIncident, DefaultTokensPerIncident), tokensPerDay: orElse(cfg.TokensPerDay, DefaultTokensPerDay),
		}),
	}
	client := guardedClient(cfg.Transport, cfg.Redactor)
	switch cfg.Provider {
	case "gemini":
		e.backend, err = newGemini(ctx, client, base, e.model, cfg.APIKey)
	case "openai":
		e.backend, err = newOpenAI(client, base, e.model, cfg.APIKey, cfg.Log)
	default:
		err = fmt.Errorf("AI_PROVIDER: %q is not known; use gemini or openai (any compatible endpoint)", cfg.Provider)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Model is the model that is asked; the one that answers may differ.
func (e *Explainer) Model() string { return e.model }

func orElse[T int | time.Duration](v, standard T) T {
	if v <= 0 {
		return standard
	}
	return v
}

// baseURL checks an address. Errors do not repeat it: it may hold a password.
func baseURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("AI_BASE_URL: write http(s)://HOST[:PORT][/PATH], without user, query or fragment")
	}
	return strings.TrimRight(s, "/"), nil
}
