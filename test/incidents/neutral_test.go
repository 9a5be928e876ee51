package incidents

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestNeutralNamesAreTheSameEverywhere(t *testing.T) {
	s, err := Parse("sample", sample, values("incidents-test"), 0)
	if err != nil {
		t.Fatal(err)
	}
	Neutral(s, "incidents-test")
	deployment := s.Manifests[1]
	name := deployment.GetName()
	if !regexp.MustCompile(`^n[a-z0-9]{6}$`).MatchString(name) || deployment.GetLabels()["app"] != name {
		t.Errorf("the name %q with labels %v", name, deployment.GetLabels())
	}
	if s.Wait[0].Of != "Deployment/"+name {
		t.Errorf("the header waits for %s", s.Wait[0].Of)
	}
	if s.Root == "Secret/keys" || !strings.HasPrefix(s.Root, "Secret/n") {
		t.Errorf("the root is %s", s.Root)
	}
	if s.Manifests[0].GetName() != "incidents-test" {
		t.Errorf("the namespace became %s", s.Manifests[0].GetName())
	}
	raw, err := json.Marshal(deployment.Object)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimPrefix(s.Root, "Secret/")
	if want := name + "-0." + name + " talks to webby and to " + secret; !strings.Contains(string(raw), want) {
		t.Errorf("the script does not say %q: %s", want, raw)
	}
	for _, kept := range []string{`"image":"mine"`, `"kind":"Deployment"`} {
		if !strings.Contains(string(raw), kept) {
			t.Errorf("%s is gone: %s", kept, raw)
		}
	}
}

func TestNamesAreWordsOfTheirOwn(t *testing.T) {
	n := &renamer{scenario: "s", names: map[string]string{"db": "N", "db-main": "M"}}
	n.sort()
	for text, want := range map[string]string{
		"db":                "N",
		"db.shop.svc:5432":  "N.shop.svc:5432",
		"db-main":           "M",
		"db-0":              "N-0",
		"db-mainly db_url":  "db-mainly db_url",
		"mydb db-1x":        "mydb db-1x",
		"Secret/db, \"db\"": "Secret/N, \"N\"",
		"db-":               "db-",
	} {
		if got := n.text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

// TestEveryScenarioStaysWhatItIs reads each scenario's neutral form as a run
// would: names that collide, or a root that no object has any more, would make
// another scenario of it.
func TestEveryScenarioStaysWhatItIs(t *testing.T) {
	texts, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range texts {
		plain, err := Parse(name, text, values("incidents-test"), 2)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := Parse(name, text, values("incidents-test"), 2)
		Neutral(s, "incidents-test")
		if err := s.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen := map[string]bool{}
		exists := func(s *Scenario, root string) bool {
			for _, m := range s.Manifests {
				if m.GetKind()+"/"+m.GetName() == root {
					return true
				}
			}
			return false
		}
		for i, m := range s.Manifests {
			id := m.GetKind() + "/" + m.GetName()
			if seen[id] {
				t.Errorf("%s: two objects are %s now", name, id)
			}
			seen[id] = true
			if m.GetKind() != plain.Manifests[i].GetKind() {
				t.Errorf("%s: %s became %s", name, plain.Manifests[i].GetKind(), m.GetKind())
			}
		}
		for i, f := range s.Faults() {
			if exists(s, f.Root) != exists(plain, plain.Faults()[i].Root) {
				t.Errorf("%s: %s became %s, and only one of them is there", name, plain.Faults()[i].Root, f.Root)
			}
		}
	}
}
