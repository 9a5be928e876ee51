// Package incidents plays faults whose true cause is known on a real cluster
// and asks the real program what is wrong. It scores by exact cause and root
// object, counts every finding that is no fault, and judges nothing: a miss
// stays in the count. Each file of testdata is one scenario: a header, then the
// manifests as a person would apply them.
package incidents

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// Scenario is one file of testdata, read for one namespace.
type Scenario struct {
	Name  string `json:"-"`
	About string `json:"about"`

	Fault   `json:",inline"` // zero for a healthy one
	More    []Fault          `json:"more"` // independent faults beside the first
	Healthy bool             `json:"healthy"`

	Fixes     []action.Kind `json:"fixes"`     // that would be right to offer
	Forbidden []action.Kind `json:"forbidden"` // that must not be offered
	Secrets   []string      `json:"secrets"`   // that must not show in any answer

	Wait   []Condition     `json:"wait"`   // what has to show before the first look
	Within metav1.Duration `json:"within"` // bounds the steps and the wait
	Steps  []Step          `json:"steps"`
	Ask    []string        `json:"ask"`    // KIND/NAME that somebody asks about beside the scan
	Absent []string        `json:"absent"` // KIND/NAME that somebody asks about and that does not exist
	After  string          `json:"after"`  // what a person sees once it is mended

	Alone   bool `json:"alone"`   // touches what the cluster has one of
	Repeat  int  `json:"repeat"`  // documents with ${I} are made that often
	Webhook bool `json:"webhook"` // ${WEBHOOK_URL} and ${WEBHOOK_CA} are a server that denies

	Manifests []*unstructured.Unstructured `json:"-"`
}

// Fault is what a finding has to say. Also lists answers that are as good.
type Fault struct {
	Answer `json:",inline"`
	Also   []Answer `json:"also"`
}

// Answer is a cause and the object that has to change, as KIND/NAME.
type Answer struct {
	Cause incident.Cause `json:"cause"`
	Root  string         `json:"root"`
}

func (a Answer) String() string { return strings.TrimSpace(string(a.Cause) + " " + a.Root) }

// Accepts reports whether an answer names the fault.
func (f Fault) Accepts(a Answer) bool { return a == f.Answer || slices.Contains(f.Also, a) }

// Faults are all that is wrong in the scenario; none if it is healthy.
func (s *Scenario) Faults() []Fault {
	if s.Healthy {
		return nil
	}
	return append([]Fault{s.Fault}, s.More...)
}

// Step changes the cluster once its conditions show. Exactly one of the changes
// is set.
type Step struct {
	Wait     []Condition      `json:"wait"`
	Apply    []map[string]any `json:"apply"`
	Patch    string           `json:"patch"` // KIND/NAME, a strategic merge
	With     map[string]any   `json:"with"`
	Delete   string           `json:"delete"`   // KIND/NAME
	Evict    string           `json:"evict"`    // KIND/NAME whose pods a drain would evict; a refusal is no error
	Silence  string           `json:"silence"`  // name of a played node whose kubelet dies
	Pressure string           `json:"pressure"` // name of a played node that runs short of something
	Short    string           `json:"short"`    // of what: disk if empty, memory or pids
	Relief   string           `json:"relief"`   // name of a played node that is short of nothing any more
}

func (s Step) changes() int {
	n := 0
	for _, set := range []bool{len(s.Apply) > 0, s.Patch != "", s.Delete != "", s.Evict != "", s.Silence != "", s.Pressure != "", s.Relief != ""} {
		if set {
			n++
		}
	}
	return n
}

const (
	namespacePlace = "${NS}"
	numberPlace    = "${I}"
)

// Parse reads a scenario for a namespace. The values replace their names in the
// whole text first; the numbered documents are made repeat times, or as often
// as the header says if that is 0.
func Parse(name, text string, values map[string]string, repeat int) (*Scenario, error) {
	var pairs []string
	for from, to := range values {
		pairs = append(pairs, from, to)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	documents := strings.Split(text, "\n---\n")
	s := &Scenario{Name: name}
	if err := yaml.UnmarshalStrict([]byte(documents[0]), s); err != nil {
		return nil, fmt.Errorf("%s: header: %w", name, err)
	}
	if repeat == 0 {
		repeat = s.Repeat
	}
	for i, d := range documents[1:] {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		copies := 1
		if strings.Contains(d, numberPlace) {
			copies = repeat
		}
		for n := range copies {
			var object map[string]any
			if err := yaml.UnmarshalStrict([]byte(strings.ReplaceAll(d, numberPlace, fmt.Sprint(n+1))), &object); err != nil {
				return nil, fmt.Errorf("%s: document %d: %w", name, i+2, err)
			}
			s.Manifests = append(s.Manifests, &unstructured.Unstructured{Object: object})
		}
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, m := range s.Manifests {
		fillIn(m.Object)
	}
	for _, st := range s.Steps {
		for _, m := range st.Apply {
			fillIn(m)
		}
	}
	return s, nil
}

// Load reads the texts of all scenarios of a directory, by name.
func Load(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("find the scenarios: %w", err)
	}
	texts := map[string]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read a scenario: %w", err)
		}
		texts[strings.TrimSuffix(filepath.Base(file), ".yaml")] = string(raw)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("no scenarios in %s", dir)
	}
	return texts, nil
}
