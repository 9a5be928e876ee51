package llm

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

// leak asks with a prompt that was changed after it was redacted, which the
// types make hard and the guard makes useless.
func leak(t *testing.T, e *Explainer, secret string) error {
	t.Helper()
	q, err := dossierOfCrash().question()
	if err != nil {
		t.Fatal(err)
	}
	q.user += "\n| " + secret
	_, err = e.once(t.Context(), q)
	return err
}

func TestTheGuardStopsWhatTheTypesDidNot(t *testing.T) {
	stub := startGemini(t)
	open := newExplainer(t, Config{Provider: "openai", Model: "m", BaseURL: stub.URL()})
	for _, secret := range []string{
		"password=" + "correct" + "horse" + "battery",
		"key " + madeUpKey(),
		"Authorization: Bearer " + strings.Repeat("a1B2", 10),
		"postgres://u:" + "hunter" + "two@db/x",
		"-----BEGIN " + "PRIVATE KEY-----\nMIIB\n-----END " + "PRIVATE KEY-----",
		"mail alice@example.com from 203.0.113.7",
	} {
		for _, e := range []*Explainer{geminiOf(t, stub), open} {
			err := leak(t, e, secret)
			if err == nil || asFailure(err).why != saidSecret.text() {
				t.Errorf("%q was not withheld: %v", secret, err)
			}
		}
	}
	if n := len(stub.Calls()); n != 0 {
		t.Errorf("%d requests left the process", n)
	}
}

func TestTheGuardIsAFailureForPeople(t *testing.T) {
	stub := startGemini(t)
	e := geminiOf(t, stub)
	e.backend = leakyBackend{geminiOf(t, stub).backend}
	if got := explain(t, e); got.Failure != saidSecret.text() || len(stub.Calls()) != 0 {
		t.Errorf("%q after %d calls", got.Failure, len(stub.Calls()))
	}
}

func TestTheGuardLetsMarksAndNamesPass(t *testing.T) {
	known := func(addr string) (string, bool) { return "svc shop/cache", addr == "10.96.0.12" }
	g := guard{redactor: redact.New(redact.Config{Known: known})}
	for body, want := range map[string]bool{
		`{"a":["⟨password:1a2b3c⟩ and ⟨svc shop/cache⟩ and ⟨token⟩"]}`: false,
		`{"a":"connect to 10.96.0.12"}`:                                false,
		`{"a":"connect to 203.0.113.7"}`:                               true,
		`{"203.0.113.7":1}`:                                            true,
		`{"a":"203\u002e0.113.7"}`:                                     true,
		`not JSON 203.0.113.7`:                                         true,
		`not JSON`:                                                     false,
		``:                                                             false,
	} {
		if got := g.secretIn([]byte(body)); got != want {
			t.Errorf("%s: %v", body, got)
		}
	}
	if zero := (guard{redactor: &redact.Redactor{}}); !zero.secretIn([]byte(`{"a":"harmless"}`)) {
		t.Error("a redactor without patterns lets everything pass")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	calls := 0
	e := newExplainer(t, Config{Provider: "openai", Model: "m", BaseURL: "http://model.example", Transport: transport(func(r *http.Request) (*http.Response, error) {
		calls++
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"http://elsewhere.example"}}, Body: http.NoBody, Request: r}, nil
	})})
	if got := explain(t, e); got.Failure != saidRejected.text() || calls != 1 {
		t.Errorf("%q after %d requests", got.Failure, calls)
	}
}

func TestTheLogHasNeitherKeysNorTheModelsWords(t *testing.T) {
	var log bytes.Buffer
	stub := startGemini(t)
	stub.Next(geministub.Text("words of the model"), geministub.Text("words of the model"),
		geministub.Error(400, "INVALID_ARGUMENT", "your key "+madeUpKey()+" is odd"))
	e := geminiOf(t, stub, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	explain(t, e)
	explain(t, e)
	if s := log.String(); strings.Contains(s, "words of") || strings.Contains(s, madeUpKey()) || strings.Contains(s, stub.APIKey()) || strings.Count(s, "\n") != 7 {
		t.Errorf("log:\n%s", s)
	}
}
