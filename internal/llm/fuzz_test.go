package llm

import (
	"encoding/json"
	"testing"
)

func FuzzAnAnswerNeverGetsPastTheJudge(f *testing.F) {
	c := dossierOfCrash()
	q, err := c.question()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(jsonOf(f, saying(sound())))
	f.Add("```json\n{\"hypotheses\":[]}\n```")
	f.Add(`{"hypotheses":[{"cause":"novel","citations":[{"id":"e3","quote":"FATAL: schema version 41"}],"summary":"<!here> x"}]}`)
	f.Add(`{"hypotheses":[],"ask":[{"what":"log","object":"o2","container":"cart"},{"what":"exec","object":"o9","container":"--all"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readStatement(text, q.form)
		if err != nil && json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		for _, in := range s.Ask {
			if q, _, ok := c.reading(in); ok && outside(q) {
				t.Errorf("%+v is asked", q)
			}
		}
		got := c.judge(s, uncalibrated)
		for _, bad := range offences(c, got) {
			t.Error(bad)
		}
	})
}

func FuzzResponsesAreRead(f *testing.F) {
	f.Add([]byte(`{"choices":[{"finish_reason":"stop","message":{"content":"{}"}}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"choices":[null]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readOpenAI(raw)
		if (err == nil) == (a.text == "") {
			t.Errorf("text %q and error %v", a.text, err)
		}
	})
}
