package redact

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestLinesThatSurviveAloneSurviveTogether(t *testing.T) {
	rows := surviveRows()
	got := testRedactor().Lines([]byte(strings.Join(rows, "\n")), 0)
	if len(got) != len(rows) {
		t.Fatalf("%d lines became %d", len(rows), len(got))
	}
	for i, row := range rows {
		if got[i].String() != row {
			t.Errorf("changed among others\n in  %q\n out %q", row, got[i])
		}
	}
}

// Secrets are planted among innocent lines in random order, as a log has them.
func TestSecretsAreHiddenInTheMiddleOfALog(t *testing.T) {
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, seed))
	hide, stay := hideRows(), surviveRows()
	r := testRedactor()
	for range 300 {
		var text strings.Builder
		var planted []hideRow
		for range 12 {
			row := hide[rng.IntN(len(hide))]
			if rng.IntN(4) > 0 {
				row = hide[rng.IntN(len(hide)-8*len(tokenTable()))] // those that are not tokens
			}
			planted = append(planted, row)
			text.WriteString(stay[rng.IntN(len(stay))] + "\n" + row.text + "\n")
		}
		got := r.Redact(text.String()).String()
		for _, row := range planted {
			for _, secret := range row.secrets {
				if strings.Contains(got, secret) && !strings.Contains(strings.Join(stay, "\n"), secret) {
					t.Errorf("seed %d: %s: %q survived in\n%s", seed, row.name, secret, text.String())
				}
			}
		}
	}
}

func TestJSONAndYAMLStayParseable(t *testing.T) {
	pw := "hun" + "ter2"
	doc := map[string]any{
		"password": pw, "pin": 4711, "nested": map[string]any{"token": "a\"b\\c " + pw, "list": []any{"--password", pw, 5}},
		"env":  []any{map[string]any{"name": "DB_PASSWORD", "value": pw}, map[string]any{"name": "API_TOKEN", "value": "x: y # " + pw}},
		"text": "line\npassword=" + pw + "\nend", "url": "postgres://u:" + pw + "@10.1.2.3:5432/db?x=1&sig=" + body(30),
		"cert": pem("PRIV"+"ATE KEY", 3), "headers": map[string]any{"Authorization": []any{"Bearer " + body(30)}, "Cookie": "a=b; c=d"},
		"secrets": []any{"one1", "two2"}, "mail": "bob@example.org", "inner": `{"password":"` + pw + `","pin":12}`,
	}
	r := testRedactor()
	for name, marshal := range map[string]func(any) ([]byte, error){
		"json":     json.Marshal,
		"indented": func(v any) ([]byte, error) { return json.MarshalIndent(v, "", "  ") },
		"yaml":     yaml.Marshal,
	} {
		raw, err := marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		got := r.Redact(string(raw)).String()
		if strings.Contains(got, pw) {
			t.Errorf("%s: secret survived in %s", name, got)
		}
		var back any
		if err := yaml.Unmarshal([]byte(got), &back); err != nil {
			t.Errorf("%s: no longer parses: %v\n%s", name, err, got)
		}
		if name != "yaml" && !json.Valid([]byte(got)) {
			t.Errorf("%s: no longer JSON:\n%s", name, got)
		}
	}
}

func TestEveryRowOfTheTokenTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range tokenTable() {
		if row.kind == "" || row.prefix == "" || row.min < 1 || row.max != 0 && row.max < row.min {
			t.Errorf("unsound row: %+v", row)
		}
		if seen[row.prefix] {
			t.Errorf("%s is there twice", row.prefix)
		}
		seen[row.prefix] = true
	}
	for line := range strings.Lines(strings.TrimSpace(tokenRows)) {
		var kind, prefix, set string
		var least, most int
		if _, err := fmt.Sscan(line, &kind, &prefix, &set, &least, &most); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestConcurrentUseAgrees(t *testing.T) {
	r := testRedactor()
	want := r.Redact("password=" + "hun" + "ter2")
	done := make(chan Text)
	for range 8 {
		go func() { done <- r.WithScope("inc-1").Redact("password=" + "hun" + "ter2") }()
	}
	for range 8 {
		if got := <-done; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
