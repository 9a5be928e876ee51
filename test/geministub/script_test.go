package geministub

import (
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/genai"
)

func TestAScriptFilePlaysEveryKindOfReply(t *testing.T) {
	text, err := os.ReadFile("testdata/every-kind.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for kind := range kinds() {
		if kind != "answer" && !strings.Contains(string(text), "kind: "+kind) {
			t.Errorf("the example lacks %s", kind)
		}
	}
	script, err := ParseScript(text)
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, Config{})
	s.Play(script)
	seven := &genai.GenerateContentConfig{Seed: genai.Ptr[int32](7), ResponseMIMEType: "application/json",
		ResponseJsonSchema: map[string]any{"type": "object", "required": []string{"cause"}}}
	for _, tc := range []struct{ model, prompt, want, reply string }{
		{"gemini-3.8-flash", "anything", "error", "overloaded"},
		{"gemini-3.8-flash", "CrashLoopBackOff of shop/cart [e3]", `{"cause":"missing config","evidence":["e3"]}`, "answer"},
		{"gemini-2.5-flash", "CrashLoopBackOff of shop/cart", `{"cause":"CrashLoopBackOff of shop/cart"}`, "echo"},
		{"gemini-9-test", "OOM", "Here is the JSON requested:\n```json\n{\"cause\":\"memory\"}\n```\n", "fenced"},
		{"gemini-9-test", "OOM", `{"cause":"memory",`, "malformed"},
		{"gemini-9-test", "OOM", `{"cause":`, "cut"},
		{"gemini-9-test", "OOM", `{}`, "violating"},
		{"gemini-9-test", "OOM", "", "no parts"},
		{"gemini-9-test", "OOM", "I would rather not.", "text"},
		{"gemini-9-test", "OOM", "", "text"},
		{"gemini-3.8-flash", "exploit", "", "finish SAFETY"},
		{"gemini-3.8-flash", "exploit", "", "blocked PROHIBITED_CONTENT"},
		{"gemini-3.8-flash", "quota", "error", "rate limited per minute"},
		{"gemini-3.8-flash", "quota", "error", "rate limited per day"},
		{"gemini-3.8-flash", "quota", "error", "rate limited"},
		{"gemini-3.8-flash", "torn", "error", "answer"},
	} {
		resp, err := askModel(t, s, tc.model, tc.prompt, seven)
		calls := s.Calls()
		last := calls[len(calls)-1]
		if got := last.Reply; got != tc.reply || (err != nil) != (tc.want == "error") {
			t.Errorf("%s: reply %s, want %s; %v", tc.prompt, got, tc.reply, err)
		}
		if err == nil && resp.Text() != tc.want {
			t.Errorf("%s: %q, want %q", tc.reply, resp.Text(), tc.want)
		}
	}
	if c := s.Calls()[1]; c.ServerTime < 20*time.Millisecond {
		t.Errorf("the late answer took %v", c.ServerTime)
	}
	if c := s.Calls()[2]; c.Model != "gemini-3.5-flash-lite" {
		t.Errorf("the reroute went to %s", c.Model)
	}
	wantNoProblems(t, s)
}

func TestAScriptWithAMistakeIsRefusedWithThePlaceOfIt(t *testing.T) {
	for text, want := range map[string]string{
		"{":                                "read the script",
		"ruls: []":                         `unknown field "ruls"`,
		"rules: [{match: {contain: [a]}}]": `unknown field "contain"`,
		"rules: [{match: {}}]":             "rules[0] has no replies",
		"rules: [{match: {pattern: '('}, replies: [{kind: text}]}]": "rules[0].match: pattern",
		"rules: [{match: {hash: abc}, replies: [{kind: text}]}]":    "8 digits",
		"next: [{kind: text}, {kind: anser}]":                       `next[1]: kind "anser" is none of answer, blocked, cut, `,
		"next: [{}]":                                                "kind answer: json is missing",
		"next: [{kind: cut}]":                                       "json is missing",
		"next: [{kind: finish}]":                                    "reason is missing",
		"next: [{kind: error, code: 200}]":                          "code 200",
		"next: [{kind: text, after: 5}]":                            "200ms",
		"next: [{kind: text, after: soon}]":                         "soon",
		"next: [{json: {}, capture: {a: '('}}]":                     "capture a",
		"next: [{json: {}, resetAfter: 1, hangAfter: 1}]":           "either reset or hang",
		"next: [{kind: text, text: a}]\nnext: [{kind: cut}]":        "already set",
	} {
		if _, err := ParseScript([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseScriptNeverPanics(f *testing.F) {
	text, err := os.ReadFile("testdata/every-kind.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
	f.Add("rules: [{match: {pattern: '('}, replies: [{kind: text}]}]")
	f.Fuzz(func(t *testing.T, text string) {
		script, err := ParseScript([]byte(text))
		if err != nil {
			return
		}
		req := Request{Model: "m"}
		for _, r := range script.rules {
			r.match(req)
			for _, reply := range r.replies {
				perform(reply, req)
			}
		}
	})
}

// perform plays a reply without a server.
func perform(reply Reply, req Request) {
	if reply.fail != nil {
		reply.fail(req)
		return
	}
	var said *string
	if reply.text != nil {
		text, _, err := reply.say(req)
		if err != nil {
			return
		}
		said = &text
	}
	encodeBody(reply.responses(req, said, "m", "id"), req.Stream)
}

func FuzzParseRequestNeverPanics(f *testing.F) {
	f.Add(`{"contents":[{"role":"user","parts":[{"text":"a"}]}],"generationConfig":{"responseMimeType":"application/json","thinkingConfig":{},`+
		`"responseSchema":{"type":"OBJECT","properties":{"a":{"type":"STRING","nullable":true,"anyOf":[{}]}},"minItems":"3"}}}`, `{"a":"b"}`)
	f.Add(`{"system_instruction":{"parts":[{"text":"a"}]},"generationConfig":{"responseJsonSchema":{"$ref":"#","items":[true]}}}`, `[1]`)
	f.Fuzz(func(t *testing.T, body, answer string) {
		req, fail := parseRequest([]byte(body))
		if fail != nil {
			return
		}
		if _, fail := refuse(req, Model{OneCandidate: true, NoModelTurnLast: true}, "m", true); fail != nil {
			fail.body()
			return
		}
		perform(EchoPrompt(answer), req)
		perform(Cut(answer, 3), req)
	})
}
