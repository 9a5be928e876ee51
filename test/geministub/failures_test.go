package geministub

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"
)

// post sends a request that Google's client would never send.
func post(t *testing.T, s *Server, path, key, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("X-Goog-Api-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestRateLimitsSayWhichQuotaAndForHowLongOrNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		reply   Reply
		quotaID string
		delay   string
	}{
		"per minute":       {RateLimitedMinute(38 * time.Second), "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "38s"},
		"per day":          {RateLimitedDay(65205 * time.Second), "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "65205s"},
		"with a fraction":  {RateLimitedMinute(1500 * time.Millisecond), "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "1.5s"},
		"with a Help only": {RateLimitedBare(), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, Config{})
			s.Next(tc.reply)
			_, err := ask(t, s, "hi", nil)
			e := wantAPIError(t, err, 429, "RESOURCE_EXHAUSTED")
			got := map[string]map[string]any{}
			for _, d := range e.Details {
				got[strings.TrimPrefix(d["@type"].(string), "type.googleapis.com/google.rpc.")] = d
			}
			if got["Help"] == nil {
				t.Error("the Help detail is missing")
			}
			if tc.quotaID == "" {
				if len(got) != 1 {
					t.Errorf("details: %v", got)
				}
				return
			}
			violation := got["QuotaFailure"]["violations"].([]any)[0].(map[string]any)
			if violation["quotaId"] != tc.quotaID || got["RetryInfo"]["retryDelay"] != tc.delay {
				t.Errorf("quota %v, delay %v", violation["quotaId"], got["RetryInfo"]["retryDelay"])
			}
			if violation["quotaDimensions"].(map[string]any)["model"] != "gemini-3.8-flash" {
				t.Errorf("dimensions %v", violation["quotaDimensions"])
			}
		})
	}
}

func TestAnErrorPageOfAProxyBecomesTheMessage(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(ServerErrorHTML())
	_, err := ask(t, s, "hi", nil)
	if e := wantAPIError(t, err, 500, "500 Internal Server Error"); !strings.HasPrefix(e.Message, "<!DOCTYPE html>") {
		t.Errorf("message is %q", e.Message)
	}
}

func TestAnyErrorCanBeScriptedWithDetails(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Error(504, "DEADLINE_EXCEEDED", "Deadline expired.", map[string]string{"@type": "x"}))
	_, err := ask(t, s, "hi", nil)
	if e := wantAPIError(t, err, 504, "DEADLINE_EXCEEDED"); e.Message != "Deadline expired." || e.Details[0]["@type"] != "x" {
		t.Errorf("%v", e)
	}
}

func TestOverloadedThenAnAnswerIsWhatARetryingClientSees(t *testing.T) {
	s := startServer(t, Config{})
	s.Next(Overloaded())
	s.On(Any(), Answer(imageTag))
	cfg := withSchema()
	cfg.HTTPOptions = &genai.HTTPOptions{RetryOptions: &genai.HTTPRetryOptions{
		Attempts: genai.Ptr[int32](2), InitialDelay: genai.Ptr(0.001), Jitter: genai.Ptr(0.0)}}
	resp, err := ask(t, s, "hi", cfg)
	if err != nil {
		t.Fatal(err)
	}
	calls := s.Calls()
	if resp.Text() != jsonOf(t, imageTag) || len(calls) != 2 || calls[0].Status != 503 || calls[1].Status != 200 {
		t.Errorf("text %s after %s", resp.Text(), jsonOf(t, calls))
	}
}
