package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/geministub"
)

// library is a Collector that answers from a script and remembers what it was
// asked.
type library struct {
	asked  []incident.Question
	answer func(n int, q incident.Question) incident.Answer
}

func (l *library) Ask(_ context.Context, q incident.Question) incident.Answer {
	l.asked = append(l.asked, q)
	if l.answer == nil {
		return incident.Answer{Refused: redact.Literal("the object does not belong to this case")}
	}
	return l.answer(len(l.asked), q)
}

func found(text string, source action.Ref, objects ...action.Ref) incident.Answer {
	return incident.Answer{Objects: objects, Evidence: incident.Evidence{
		Kind: "log", Source: source, Where: redact.Literal("cart"), Text: testRedactor().Redact(text), At: noon(),
	}}
}

func asking(asks ...inquiry) statement { return statement{Hypotheses: []claim{}, Ask: asks} }

func explainWith(t *testing.T, e *Explainer, from Collector) incident.Explained {
	t.Helper()
	d, evidence := crash()
	out, err := e.Explain(t.Context(), d, evidence, from)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// citing is sound, proven by another quote.
func citing(id, quote string) claim {
	c := sound()
	c.Citations = []citation{{id, quote}}
	return c
}

// withNoQuestions is an answer in the form that has a list of questions.
func withNoQuestions(claims ...claim) map[string]any {
	return map[string]any{"hypotheses": saying(claims...).Hypotheses, "ask": []any{}}
}

func TestAModelAsksAndCitesWhatItWasTold(t *testing.T) {
	stub := startGemini(t)
	stub.Next(
		geministub.Answer(asking(inquiry{"previous-log", "o2", "cart"}, inquiry{"describe", "o3", ""})),
		geministub.Answer(withNoQuestions(citing("e5", "migration 44 was never applied"))),
	)
	from := &library{answer: func(n int, q incident.Question) incident.Answer {
		if q.Ask == incident.AskDescribe {
			return incident.Answer{Refused: redact.Literal("it was not read")}
		}
		return found("starting\nmigration 44 was never applied\npassword="+"hunter"+"two", pod())
	}}
	got := explainWith(t, geminiOf(t, stub), from)
	if len(got.Hypotheses) != 1 || !slices.Equal(got.Hypotheses[0].Cites, []string{"e5"}) {
		t.Fatalf("got %+v", got)
	}
	if len(got.Gained) != 1 || got.Gained[0].ID != "e5" || got.Questions != 2 || got.Calls != 2 || got.PromptVersion != "v2" {
		t.Errorf("gained %+v, %d questions, %d calls, prompt %s", got.Gained, got.Questions, got.Calls, got.PromptVersion)
	}
	want := []incident.Question{{Ask: incident.AskPreviousLog, Object: pod(), Container: "cart"}, {Ask: incident.AskDescribe, Object: from.asked[1].Object}}
	if !slices.Equal(from.asked, want) || want[1].Object.Name != "orders-db" {
		t.Errorf("asked %+v", from.asked)
	}
	second := stub.Calls()[1].Request.Prompt()
	for _, must := range []string{"previous-log of o2, container cart: evidence e5\n", "describe of o3: not read\n| it was not read\n", "[e5] log from Pod/cart", "| migration 44 was never applied\n"} {
		if !strings.Contains(second, must) {
			t.Errorf("the second question lacks %q:\n%s", must, second)
		}
	}
	if strings.Contains(second, "hunter"+"two") {
		t.Error("an answer was not redacted")
	}
}

func TestWithoutACollectorNothingCanBeAsked(t *testing.T) {
	stub := startGemini(t)
	stub.On(nil, geministub.Answer(saying(sound())))
	explain(t, geminiOf(t, stub))
	if strings.Contains(stub.Calls()[0].Body, `"ask"`) && strings.Contains(string(stub.Calls()[0].Request.GenerationConfig.ResponseJSONSchema), `"ask"`) {
		t.Error("the schema has questions although nobody answers them")
	}
}

// curious is a backend that never stops asking: each time about something else.
func curious(t *testing.T, per int) func(context.Context, int) (answer, error) {
	return func(_ context.Context, n int) (answer, error) {
		var asks []inquiry
		for i := range per {
			asks = append(asks, inquiry{reads()[(n+i)%2], fmt.Sprintf("o%d", 1+(n*per+i)%3), fmt.Sprintf("c%d", n*per+i)})
		}
		return answer{text: jsonOf(t, asking(asks...)), model: "m"}, nil
	}
}

// watching notes the questions that a backend gets.
type watching struct {
	backend
	questions []question
}

func (w *watching) ask(ctx context.Context, q question) (answer, error) {
	w.questions = append(w.questions, q)
	return w.backend.ask(ctx, q)
}

func TestAskingEndsAfterThreeRounds(t *testing.T) {
	e, s := timed(t, curious(t, 2))
	w := &watching{backend: s}
	e.backend = w
	from := &library{answer: func(n int, _ incident.Question) incident.Answer { return found(fmt.Sprint("line ", n), pod()) }}
	got := explainWith(t, e, from)
	if len(from.asked) != 2*maxRounds || got.Questions != 2*maxRounds || len(got.Gained) != 2*maxRounds {
		t.Errorf("%d questions came through, %d gained", len(from.asked), len(got.Gained))
	}
	// The fourth question has no ask any more; who asks all the same gets the
	// note on the form once and then nothing.
	if len(w.questions) != maxRounds+2 || w.questions[maxRounds].mayAsk || !w.questions[maxRounds-1].mayAsk || got.Failure != saidWrongForm.text() {
		t.Errorf("%d calls, %q", len(w.questions), got.Failure)
	}
	if !strings.Contains(w.questions[maxRounds].user, "Nothing more can be asked") {
		t.Error("the model is not told that this was all")
	}
	if ids := got.Gained; ids[0].ID != "e5" || ids[5].ID != "e10" {
		t.Errorf("ids %s to %s", ids[0].ID, ids[5].ID)
	}
}

func TestTheSameQuestionTwiceEndsTheAsking(t *testing.T) {
	stub := startGemini(t)
	same := inquiry{"events", "o1", ""}
	stub.Next(geministub.Answer(asking(same)), geministub.Answer(asking(same)), geministub.Answer(saying(sound())))
	from := &library{answer: func(int, incident.Question) incident.Answer { return found("nothing new", workload()) }}
	got := explainWith(t, geminiOf(t, stub), from)
	if len(from.asked) != 1 || len(got.Hypotheses) != 1 || len(stub.Calls()) != 3 {
		t.Errorf("%d questions, %d calls, %+v", len(from.asked), len(stub.Calls()), got.Hypotheses)
	}
	if strings.Contains(string(stub.Calls()[2].Request.GenerationConfig.ResponseJSONSchema), `"ask"`) {
		t.Error("the last question still lets the model ask")
	}
}

func TestAnIncidentHasTenQuestions(t *testing.T) {
	clock := noon()
	e, s := timed(t, curious(t, maxQuestions), func(c *Config) { c.Now, c.CallsPerHour = now(&clock), 100 })
	from := &library{answer: func(n int, _ incident.Question) incident.Answer { return found(fmt.Sprint("line ", n), pod()) }}
	explainWith(t, e, from)
	if len(from.asked) != maxPerIncident {
		t.Errorf("%d questions in the first case", len(from.asked))
	}
	d, evidence := crash()
	evidence[0].Text = redact.Literal("terminated with exit code 2 (Error)")
	if _, err := e.Explain(t.Context(), d, evidence, from); err != nil || len(from.asked) != maxPerIncident {
		t.Errorf("%d questions about one incident, %v", len(from.asked), err)
	}
	s.calls = 0
	d.Root.Name = "payments"
	if _, err := e.Explain(t.Context(), d, evidence, from); err != nil || len(from.asked) <= maxPerIncident {
		t.Errorf("another incident has no questions: %d, %v", len(from.asked), err)
	}
}

func TestWhatCameBackFromElsewhereIsNotTaken(t *testing.T) {
	foreign := pod()
	foreign.Namespace = "kube-system"
	stub := startGemini(t)
	stub.Next(geministub.Answer(asking(inquiry{"log", "o2", ""}, inquiry{"neighbours", "o1", ""})), geministub.Answer(withNoQuestions(sound())))
	from := &library{answer: func(n int, _ incident.Question) incident.Answer {
		if n == 1 {
			return found("a log of another namespace", foreign)
		}
		return found("Service/api selects the pods of Deployment/cart", workload(), foreign,
			action.Ref{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "api"})
	}}
	got := explainWith(t, geminiOf(t, stub), from)
	second := stub.Calls()[1].Request.Prompt()
	if len(got.Gained) != 1 || strings.Contains(second, "a log of another") || strings.Contains(second, "kube-system") {
		t.Errorf("gained %+v", got.Gained)
	}
	if !strings.Contains(second, "o4\n| kind Service, namespace shop, name api\n") {
		t.Errorf("an object that an answer named cannot be asked about:\n%s", second)
	}
}

func TestHypothesesEndTheCaseThoughTheModelAsksToo(t *testing.T) {
	stub := startGemini(t)
	both := saying(sound())
	both.Ask = []inquiry{{"events", "o1", ""}}
	stub.Next(geministub.Answer(both))
	from := &library{}
	if got := explainWith(t, geminiOf(t, stub), from); len(got.Hypotheses) != 1 || len(from.asked) != 0 {
		t.Errorf("%+v after %d questions", got.Hypotheses, len(from.asked))
	}
}

func TestABudgetThatEndsWhileAskingKeepsWhatWasGained(t *testing.T) {
	stub := startGemini(t)
	stub.Next(geministub.Answer(asking(inquiry{"log", "o2", ""})))
	from := &library{answer: func(int, incident.Question) incident.Answer { return found("a line", pod()) }}
	e := geminiOf(t, stub, func(c *Config) { c.CallsPerHour = 1 })
	got := explainWith(t, e, from)
	if got.Failure != saidCalls.text() || len(got.Gained) != 1 {
		t.Errorf("%q, gained %+v", got.Failure, got.Gained)
	}
	if sum := e.Account(); sum.AvoidedByBudget != 1 || sum.Questions != 1 || sum.Refused != 0 || sum.Calls != 1 {
		t.Errorf("%+v", sum)
	}
}

func TestQuestionsOutsideTheListAreNotPut(t *testing.T) {
	c := dossierOfCrash()
	for _, in := range []inquiry{
		{"", "o1", ""}, {"exec", "o1", ""}, {"LOG", "o1", ""}, {"log ", "o1", ""}, {"secret", "o1", ""},
		{"log", "o0", ""}, {"log", "o4", ""}, {"log", "o-1", ""}, {"log", "o01", ""}, {"log", "o+1", ""}, {"log", "1", ""}, {"log", "Pod/x", ""},
		{"log", "о1", ""}, {"log", "o1 ", ""}, {"log", "o99999999999999999999", ""},
		{"log", "o2", "-n kube-system"}, {"log", "o2", "--all"}, {"log", "o2", "$(x)"}, {"log", "o2", "a/b"}, {"log", "o2", "CART"},
		{"previous-log", "o2", strings.Repeat("a", 64)}, {"log", "o2", "a\n"}, {"log", "o2", "a\x00"},
	} {
		if q, _, ok := c.reading(in); ok {
			t.Errorf("%+q became %+v", in, q)
		}
	}
	if q, object, ok := c.reading(inquiry{"events", "o1", "whatever this is"}); !ok || q.Container != "" || object != "o1" {
		t.Errorf("%+v", q)
	}
}

func TestTheFormOfQuestionsIsChecked(t *testing.T) {
	c := dossierOfCrash()
	c.mayAsk = true
	q, err := c.question()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`{"hypotheses":[],"ask":[]}`: true,
		`{"hypotheses":[],"ask":[{"what":"log","object":"o1","container":""}]}`: true,
		`{"hypotheses":[]}`: false,
		`{"hypotheses":[],"ask":[{"what":"exec","object":"o1","container":""}]}`:                                                                         false,
		`{"hypotheses":[],"ask":[{"what":"log","object":"o9","container":""}]}`:                                                                          false,
		`{"hypotheses":[],"ask":[{"what":"log","object":"o1"}]}`:                                                                                         false,
		`{"hypotheses":[],"ask":[` + strings.Repeat(`{"what":"log","object":"o1","container":""},`, 4) + `{"what":"log","object":"o2","container":""}]}`: false,
	} {
		if _, err := readStatement(text, q.form); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func (h hostile) inquiry() inquiry {
	in := inquiry{What: pick(h, reads()...), Object: pick(h, "o1", "o2", "o3"), Container: pick(h, "", "cart", h.mutated("cart"), "--all", h.text())}
	if h.IntN(4) == 0 {
		in.What = pick(h, "exec", "secret", "", h.mutated("log"))
	}
	if h.IntN(4) == 0 {
		in.Object = pick(h, "o4", "o40", "o0", "", h.mutated("o1"), "Pod/x", "kube-system/dns")
	}
	return in
}

// tamed bends questions to the schema.
func (h hostile) tamed(asks []inquiry) []inquiry {
	asks = asks[:min(len(asks), maxQuestions)]
	for i := range asks {
		if !slices.Contains(reads(), asks[i].What) {
			asks[i].What = "log"
		}
		if !slices.Contains([]string{"o1", "o2", "o3"}, asks[i].Object) {
			asks[i].Object = "o2"
		}
	}
	return asks
}

// outside says what is wrong with a question that reached the cluster's side.
func outside(q incident.Question) bool {
	return !slices.Contains(incident.Asks(), q.Ask) || q.Object.Namespace != "shop" || q.Object.Kind == "Secret" ||
		q.Container != "" && !containerName.MatchString(q.Container)
}

// TestAHostileModelAsksNothingOutsideTheCase lets a model ask whatever it likes,
// in answers that keep the form and in such that do not, and looks at what
// reaches the cluster's side.
func TestAHostileModelAsksNothingOutsideTheCase(t *testing.T) {
	h := newHostile(t)
	put, ended := 0, 0
	for n := range *outputs / 20 {
		from := &library{}
		from.answer = func(n int, q incident.Question) incident.Answer {
			foreign := pod()
			foreign.Namespace = "kube-system"
			switch h.IntN(4) {
			case 0:
				return incident.Answer{Refused: testRedactor().Redact(h.text())}
			case 1:
				return found(h.text(), pick(h, pod(), workload(), foreign), foreign, workload(),
					action.Ref{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: h.mutated("api")})
			}
			return found(fmt.Sprint("line ", n), pod())
		}
		e, _ := timed(t, func(context.Context, int) (answer, error) {
			s := asking()
			for range h.IntN(7) {
				s.Ask = append(s.Ask, h.inquiry())
			}
			if h.IntN(4) > 0 {
				s.Ask = h.tamed(s.Ask)
			}
			if h.IntN(9) == 0 {
				s.Hypotheses = append(s.Hypotheses, h.claim())
			}
			text := jsonOf(t, s)
			if h.IntN(10) == 0 {
				text = h.mutated(text)
			}
			return answer{text: text, model: "m"}, nil
		})
		counted := &watching{backend: e.backend}
		e.backend = counted
		got := explainWith(t, e, from)
		put += len(from.asked)
		ended++
		if len(counted.questions) > 2*(maxRounds+1) || len(from.asked) > min(maxPerIncident, maxRounds*maxQuestions) {
			t.Fatalf("output %d of seed %d: %d calls, %d questions", n, *seed, len(counted.questions), len(from.asked))
		}
		for _, q := range from.asked {
			if outside(q) {
				t.Fatalf("output %d of seed %d: %+v was put", n, *seed, q)
			}
		}
		for range 20 { // read without the schema, too
			if q, _, ok := dossierOfCrash().reading(h.inquiry()); ok && outside(q) {
				t.Fatalf("output %d of seed %d: %+v was read", n, *seed, q)
			}
		}
		for _, ev := range got.Gained {
			if ev.Source.Namespace != "shop" || !evidenceID.MatchString(ev.ID) {
				t.Fatalf("output %d of seed %d: gained %+v", n, *seed, ev)
			}
		}
	}
	t.Logf("%d cases, %d questions put", ended, put)
	if put < ended/2 {
		t.Error("the hostile model is too clumsy to ask anything")
	}
}

func TestWhatWasAskedSurvivesJSON(t *testing.T) {
	in := incident.Explained{Gained: []incident.Evidence{{ID: "e9", Kind: "log", Source: pod(), Text: redact.Literal("x")}}, Questions: 2, PromptVersion: "v2"}
	var out incident.Explained
	if err := json.Unmarshal([]byte(jsonOf(t, in)), &out); err != nil || len(out.Gained) != 1 || out.Gained[0] != in.Gained[0] {
		t.Errorf("%+v, %v", out, err)
	}
}
