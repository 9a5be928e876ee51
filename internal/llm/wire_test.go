package llm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

func TestGeminiExplainsACase(t *testing.T) {
	stub := startGemini(t)
	stub.On(geministub.Contains("[e3] log", "FATAL: schema version 41"),
		geministub.Answer(saying(sound())).Thought("let me think {about it}").Tokens(geministub.Usage{Prompt: 2100, Candidates: 150, Thoughts: 400}))
	got := explain(t, geminiOf(t, stub))
	if got.Model != flash || got.Prompt != 2100 || got.Answer != 550 || got.Took < 0 {
		t.Errorf("got %+v", got)
	}
	if len(got.Hypotheses) != 1 || got.Hypotheses[0].Cause != incident.ConfigInvalid || got.Hypotheses[0].Confidence.Basis != uncalibrated {
		t.Errorf("hypotheses %+v", got.Hypotheses)
	}
	req := stub.Calls()[0].Request
	if g := req.GenerationConfig; g.Temperature != nil || g.TopP != nil || g.TopK != nil || g.Seed != nil || g.CandidateCount != 0 || g.ThinkingConfig.ThinkingLevel != "" {
		t.Errorf("sampling settings were sent: %+v", g)
	}
	if stub.Calls()[0].Header.Get("X-Server-Timeout") == "" {
		t.Error("the service is not told how long it has")
	}
}

// failing is every behaviour of a service that ends without hypotheses, and how
// many requests it takes.
func failing() map[string]struct {
	replies []geministub.Reply
	want    sentence
	calls   int
} {
	type row = struct {
		replies []geministub.Reply
		want    sentence
		calls   int
	}
	type r = []geministub.Reply
	ok := saying(sound())
	spoilt := saying(sound())
	spoilt.Hypotheses[0].Citations[0].Quote = "no such line"
	violating := saying(sound())
	violating.Hypotheses[0].Cause = "gremlins"
	rows := map[string]row{
		"a cut answer":                     {r{geministub.Cut(ok, 0)}, saidCut, 1},
		"thinking ate the budget":          {r{geministub.NoParts()}, saidCut, 1},
		"an empty part":                    {r{geministub.Text("")}, saidEmpty, 1},
		"broken JSON twice":                {r{geministub.Malformed(ok)}, saidWrongForm, 2},
		"another schema twice":             {r{geministub.Violating(violating)}, saidWrongForm, 2},
		"prose twice":                      {r{geministub.Text("I think it is the schema.")}, saidWrongForm, 2},
		"quotes that are not there":        {r{geministub.Answer(spoilt)}, saidNothing, 1},
		"nothing to say":                   {r{geministub.Answer(saying())}, saidNothing, 1},
		"a quota per day":                  {r{geministub.RateLimitedDay(38 * time.Second)}, saidDay, 1},
		"a quota per minute, too long":     {r{geministub.RateLimitedMinute(time.Hour)}, saidMinute, 1},
		"an unknown error":                 {r{geministub.Error(400, "INVALID_ARGUMENT", "no")}, saidRejected, 1},
		"a forbidden key":                  {r{geministub.Error(403, "PERMISSION_DENIED", "no")}, saidKey, 1},
		"a redirect that nobody follows":   {r{geministub.Error(302, "FOUND", "elsewhere")}, saidRejected, 1},
		"continuation that was not wanted": {r{geministub.Answer(ok).FinishReason("CONTINUATION")}, saidCut, 1},
	}
	for _, reason := range []string{"SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "SOMETHING_NEW"} {
		rows["finish reason "+reason] = row{r{geministub.Finish(reason)}, saidRefused, 1}
	}
	for _, reason := range []string{"SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "JAILBREAK", "MODEL_ARMOR"} {
		rows["blocked for "+reason] = row{r{geministub.Blocked(reason)}, saidRefused, 1}
	}
	return rows
}

func TestGeminiFailsInOneSentence(t *testing.T) {
	for name, tt := range failing() {
		t.Run(name, func(t *testing.T) {
			stub := startGemini(t)
			stub.On(nil, tt.replies...)
			got := explain(t, geminiOf(t, stub))
			if got.Failure != tt.want.text() || len(got.Hypotheses) != 0 {
				t.Errorf("failure %q, want %q", got.Failure, tt.want.text())
			}
			if n := len(stub.Calls()); n != tt.calls {
				t.Errorf("%d calls, want %d", n, tt.calls)
			}
		})
	}
}

func TestGeminiIsAskedAgainWhereThatHelps(t *testing.T) {
	ok := geministub.Answer(saying(sound()))
	for name, first := range map[string]geministub.Reply{
		"a quota per minute":          geministub.RateLimitedMinute(30 * time.Millisecond),
		"an answer of the wrong form": geministub.Malformed(saying(sound())),
		"a torn connection":           ok.ResetAfter(40),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stub := startGemini(t)
			stub.Next(first, ok)
			got := explain(t, geminiOf(t, stub))
			if len(got.Hypotheses) != 1 || len(stub.Calls()) != 2 {
				t.Errorf("%d hypotheses, %q, after %d calls", len(got.Hypotheses), got.Failure, len(stub.Calls()))
			}
		})
	}
	t.Run("three errors and it is over", func(t *testing.T) {
		t.Parallel()
		stub := startGemini(t)
		stub.Next(geministub.Overloaded(), geministub.ServerErrorHTML(), geministub.RateLimitedBare())
		if got := explain(t, geminiOf(t, stub)); got.Failure != saidMinute.text() || len(stub.Calls()) != 3 {
			t.Errorf("%q after %d calls", got.Failure, len(stub.Calls()))
		}
	})
	t.Run("a fence costs no second call", func(t *testing.T) {
		stub := startGemini(t)
		stub.Next(geministub.Fenced(saying(sound())))
		if got := explain(t, geminiOf(t, stub)); len(got.Hypotheses) != 1 {
			t.Errorf("%q", got.Failure)
		}
	})
}

func TestTheRepairDoesNotRepeatTheModelsWords(t *testing.T) {
	stub := startGemini(t)
	stub.Next(geministub.Text("my own words"), geministub.Answer(saying(sound())))
	explain(t, geminiOf(t, stub))
	calls := stub.Calls()
	if len(calls) != 2 || !strings.Contains(calls[1].Request.Prompt(), strings.TrimSpace(repairNote)) || strings.Contains(calls[1].Body, "my own words") {
		t.Errorf("%d calls", len(calls))
	}
}

func TestAWrongKeyAndAWrongModelAreNamed(t *testing.T) {
	stub := startGemini(t)
	wrongKey := geminiOf(t, stub, func(c *Config) { c.APIKey = "another" })
	if got := explain(t, wrongKey); got.Failure != saidKey.text() {
		t.Errorf("%q", got.Failure)
	}
	if got := explain(t, geminiOf(t, stub, func(c *Config) { c.Model = "gemini-9-none" })); got.Failure != saidNoModel.text() {
		t.Errorf("%q", got.Failure)
	}
}

func TestASilentRerouteIsSaid(t *testing.T) {
	for _, tt := range []struct{ asked, answers, basis string }{
		{flash, "gemini-3.8-flash-002", "model, uncalibrated"},
		{"gemini-3.5-flash", "gemini-3.5-flash-lite", "model gemini-3.5-flash-lite in place of gemini-3.5-flash, uncalibrated"},
		{"gemini-2.5-flash", flash, "model gemini-3.8-flash in place of gemini-2.5-flash, uncalibrated"},
		{flash, "https://evil.example/<!channel>", "model unnamed in place of gemini-3.8-flash, uncalibrated"},
	} {
		stub := startGemini(t)
		stub.Next(geministub.Answer(saying(sound())).ModelVersion(tt.answers))
		e := geminiOf(t, stub, func(c *Config) { c.Model = tt.asked })
		got := explain(t, e)
		if len(got.Hypotheses) != 1 || got.Hypotheses[0].Confidence.Basis.String() != tt.basis || e.Model() != tt.asked {
			t.Errorf("%s answered for %s: %+v", tt.answers, tt.asked, got)
		}
		if want := tt.answers; !strings.Contains(want, "evil") && got.Model != want || strings.Contains(got.Model, "evil") {
			t.Errorf("model %q", got.Model)
		}
	}
}

func TestAnAnswerThatDoesNotComeEnds(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())).HangAfter(20))
	if got := explain(t, geminiOf(t, stub, func(c *Config) { c.Timeout = 100 * time.Millisecond })); got.Failure != saidSlow.text() {
		t.Errorf("%q", got.Failure)
	}
}

func TestACancelledContextIsAnError(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())).After(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = stub.WaitCalls(ctx, 1)
		cancel()
	}()
	d, evidence := crash()
	if _, err := geminiOf(t, stub).Explain(ctx, d, evidence, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutEvidenceNobodyIsAsked(t *testing.T) {
	stub := startGemini(t)
	d, _ := crash()
	got, err := geminiOf(t, stub).Explain(t.Context(), d, []incident.Evidence{{ID: "e1"}, {ID: "1", Text: redact.Literal("x")}}, nil)
	if err != nil || got.Failure != saidNoEvidence.text() || len(stub.Calls()) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheEnvironmentChangesNothing(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	for name, value := range map[string]string{
		"GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GENAI_USE_ENTERPRISE": "true",
		"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "global", "GOOGLE_API_KEY": "another",
	} {
		t.Setenv(name, value)
	}
	if got := explain(t, geminiOf(t, stub)); len(got.Hypotheses) != 1 {
		t.Errorf("%q", got.Failure)
	}
	if _, err := New(t.Context(), Config{Provider: "gemini", Model: flash, Redactor: testRedactor()}); err == nil {
		t.Error("a key was taken from the environment")
	}
	var asked string
	e := newExplainer(t, Config{Provider: "gemini", Model: flash, APIKey: "k", Transport: transport(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.Host
		return nil, errors.New("no network here")
	}), CallsPerHour: 1})
	if got := explain(t, e); got.Failure != saidUnreachable.text() || asked != "generativelanguage.googleapis.com" {
		t.Errorf("%q of %q", got.Failure, asked)
	}
}

// transport is a round trip as a function.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestResponsesThatMakeNoSenseAreSurvived(t *testing.T) {
	for name, body := range map[string]string{
		"wrong types":     `{"candidates":"x","usageMetadata":[],"promptFeedback":7}`,
		"null everywhere": `{"candidates":[null],"usageMetadata":null}`,
		"a list":          `[]`,
		"nothing":         ``,
		"no JSON":         `<html>`,
		"too long":        `{"candidates":[],"x":"` + strings.Repeat("x", maxResponse) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, provider := range []string{"gemini", "openai"} {
				e := newExplainer(t, Config{Provider: provider, Model: flash, APIKey: "k", CallsPerHour: 1, Transport: transport(func(r *http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
				})})
				if got := explain(t, e); got.Failure != saidServer.text() && got.Failure != saidEmpty.text() {
					t.Errorf("%s: %q", provider, got.Failure)
				}
			}
		})
	}
}

func TestNothingIsContinuedBehindOurBack(t *testing.T) {
	sent := 0
	body := `{"candidates":[{"finishReason":"CONTINUATION","content":{"parts":[{"text":"{"}]},"continuationToken":"AAAA"}]}`
	e := newExplainer(t, Config{Provider: "gemini", Model: flash, APIKey: "k", Transport: transport(func(r *http.Request) (*http.Response, error) {
		if sent++; sent > 1 {
			return nil, errors.New("enough")
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})})
	if got := explain(t, e); got.Failure != saidCut.text() || sent != 1 {
		t.Errorf("%q after %d requests", got.Failure, sent)
	}
}

func TestAServiceThatCannotBeReachedIsSaid(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, provider := range []string{"gemini", "openai"} {
		e := newExplainer(t, Config{Provider: provider, Model: flash, APIKey: "k", BaseURL: gone.URL, CallsPerHour: 1})
		if got := explain(t, e); got.Failure != saidUnreachable.text() {
			t.Errorf("%s: %q", provider, got.Failure)
		}
	}
}
