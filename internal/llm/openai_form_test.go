package llm

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// picky is an endpoint that takes some formats only, as older servers do; it
// remembers which were asked for.
func picky(t *testing.T, status int, refusal string, takes ...string) (*httptest.Server, *[]string) {
	t.Helper()
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format := checkChat(t, r)
		asked = append(asked, format)
		if !slices.Contains(takes, format) {
			sends(status, refusal)(w)
			return
		}
		says(t, "```json\n"+jsonOf(t, saying(sound()))+"\n```", "stop")(w)
	}))
	t.Cleanup(srv.Close)
	return srv, &asked
}

func TestAnEndpointThatRefusesAFormatIsAskedInASimplerOne(t *testing.T) {
	for name, tt := range map[string]struct {
		status  int
		refusal string
		takes   []string
		want    []string
	}{
		"no schemas":      {400, `{"error":{"message":"response_format json_schema is not supported","code":null}}`, []string{"json_object", ""}, []string{"json_schema", "json_object", "json_object"}},
		"no formats":      {422, `{"detail":[{"loc":["body","response_format"],"msg":"extra fields not permitted"}]}`, []string{""}, []string{"json_schema", "json_object", "", ""}},
		"a text as error": {400, `{"error":"invalid format"}`, []string{""}, []string{"json_schema", "json_object", "", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			srv, asked := picky(t, tt.status, tt.refusal, tt.takes...)
			e := openAIOf(t, srv)
			for i := range 2 {
				d, evidence := crash()
				evidence[0].At = noon().Add(time.Duration(i) * time.Second) // another question
				if got, err := e.Explain(t.Context(), d, evidence, nil); err != nil || len(got.Hypotheses) != 1 {
					t.Fatalf("%+v, %v", got, err)
				}
			}
			if !slices.Equal(*asked, tt.want) {
				t.Errorf("asked for %q, want %q", *asked, tt.want)
			}
		})
	}
}

func TestAnEndpointThatRefusesEverythingIsAskedWithTheSchemaNextTime(t *testing.T) {
	srv, asked := picky(t, 400, `{"error":{"message":"context too long"}}`)
	e := openAIOf(t, srv)
	for range 2 {
		if got := explain(t, e); got.Failure != saidRejected.text() {
			t.Errorf("%q", got.Failure)
		}
	}
	if want := []string{"json_schema", "json_object", "", "json_schema", "json_object", ""}; !slices.Equal(*asked, want) {
		t.Errorf("asked for %q", *asked)
	}
}

func TestThoughtsBeforeAnAnswerArePassedOver(t *testing.T) {
	srv := chatServer(t, says(t, "<think>\nmaybe {\"hypotheses\": 1}?\n</think>\n"+jsonOf(t, saying(sound())), "stop"))
	if got := explain(t, openAIOf(t, srv)); len(got.Hypotheses) != 1 {
		t.Errorf("%q", got.Failure)
	}
	srv = chatServer(t, says(t, "<think>\nI am still at it {", "stop"))
	if got := explain(t, openAIOf(t, srv)); got.Failure != saidEmpty.text() {
		t.Errorf("%q", got.Failure)
	}
}

func TestAServiceThatCountsNothingIsEstimated(t *testing.T) {
	body := jsonOf(t, map[string]any{"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"content": jsonOf(t, saying(sound()))}}}})
	got := explain(t, openAIOf(t, chatServer(t, sends(200, body))))
	if got.Prompt < 1000 || got.Prompt > 5000 || got.Answer < 30 {
		t.Errorf("estimated %d and %d tokens", got.Prompt, got.Answer)
	}
}

func TestAPromptThatWasCutIsWarnedOf(t *testing.T) {
	for counted, want := range map[int]bool{1900: false, 300: true, 0: false} {
		var log bytes.Buffer
		body := jsonOf(t, map[string]any{
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"content": jsonOf(t, saying(sound()))}}},
			"usage":   map[string]any{"prompt_tokens": counted, "completion_tokens": 10},
		})
		e := newExplainer(t, Config{Provider: "openai", Model: "llama3.1:8b", BaseURL: chatServer(t, sends(200, body)).URL + "/v1", APIKey: "local",
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		explain(t, e)
		if got := strings.Contains(log.String(), "raise num_ctx"); got != want {
			t.Errorf("%d tokens counted: warned %v\n%s", counted, got, log.String())
		}
	}
}

func TestAPauseIsReadInSecondsOrAsADate(t *testing.T) {
	for _, tt := range []struct {
		after, date string
		want        time.Duration
	}{
		{"7", "", 7 * time.Second}, {"-3", "", 0}, {"999999", "", memory}, {"soon", "", 0}, {"", "", 0},
		{"Fri, 20 Nov 2026 12:00:30 GMT", "Fri, 20 Nov 2026 12:00:00 GMT", 30 * time.Second},
		{"Fri, 20 Nov 2026 11:00:30 GMT", "Fri, 20 Nov 2026 12:00:00 GMT", 0},
		{"Fri, 20 Nov 2026 12:00:30 GMT", "", 0},
	} {
		if got := retryAfter(http.Header{"Retry-After": {tt.after}, "Date": {tt.date}}); got != tt.want {
			t.Errorf("%q at %q: %s, want %s", tt.after, tt.date, got, tt.want)
		}
	}
}

func TestAnOpenAICompatibleEndpointIsAskedAndAsks(t *testing.T) {
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			says(t, jsonOf(t, map[string]any{"hypotheses": []any{}, "ask": []any{map[string]any{"what": "log", "object": "o2", "container": "cart"}}}), "stop")(w)
			return
		}
		var req struct{ Messages []struct{ Content string } }
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || !strings.Contains(req.Messages[1].Content, "[e5] log") {
			t.Errorf("%v, %+v", err, req)
		}
		says(t, jsonOf(t, withNoQuestions(citing("e5", "the new line"))), "stop")(w)
	}))
	t.Cleanup(srv.Close)
	from := &library{answer: func(int, incident.Question) incident.Answer { return found("the new line", pod()) }}
	if got := explainWith(t, openAIOf(t, srv), from); len(got.Hypotheses) != 1 || len(got.Gained) != 1 {
		t.Errorf("%+v", got)
	}
}
