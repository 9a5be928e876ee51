package incidents

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Neutral gives every object, container and label value of a scenario a name
// that says nothing, the same everywhere in the manifests, the scripts and the
// header, and drops annotations that are nobody's API. What programs print stays
// as it is but for those names.
func Neutral(s *Scenario, namespace string) {
	n := &renamer{scenario: s.Name, names: map[string]string{}, spared: []string{namespace, "default", "kube-dns", "true", "false", ""}}
	var objects []map[string]any
	for _, m := range s.Manifests {
		objects = append(objects, m.Object)
	}
	for _, st := range s.Steps {
		objects = append(objects, st.Apply...)
	}
	for _, o := range objects {
		n.collect(o)
	}
	for _, f := range s.Faults() {
		for _, a := range append([]Answer{f.Answer}, f.Also...) {
			n.addRef(a.Root)
		}
	}
	n.sort()
	for i := range s.Manifests {
		s.Manifests[i] = &unstructured.Unstructured{Object: n.object(s.Manifests[i].Object)}
	}
	n.header(s)
}

// header renames what the scenario expects and does.
func (n *renamer) header(s *Scenario) {
	fault := func(f *Fault) {
		f.Root = n.text(f.Root)
		for i := range f.Also {
			f.Also[i].Root = n.text(f.Also[i].Root)
		}
	}
	fault(&s.Fault)
	for i := range s.More {
		fault(&s.More[i])
	}
	conditions := func(list []Condition) {
		for i := range list {
			list[i].Of, list[i].Text = n.text(list[i].Of), n.text(list[i].Text)
		}
	}
	conditions(s.Wait)
	for i := range s.Steps {
		st := &s.Steps[i]
		conditions(st.Wait)
		for j := range st.Apply {
			st.Apply[j] = n.object(st.Apply[j])
		}
		if st.With != nil {
			st.With = n.object(st.With)
		}
		for _, ref := range []*string{&st.Patch, &st.Delete, &st.Evict, &st.Silence, &st.Pressure, &st.Relief} {
			*ref = n.text(*ref)
		}
	}
	for _, list := range [][]string{s.Ask, s.Absent} {
		for i := range list {
			list[i] = n.text(list[i])
		}
	}
}

type renamer struct {
	scenario string
	names    map[string]string
	spared   []string
	longest  []string // the names, longest first: one may contain another
}

func (n *renamer) add(name string) {
	if slices.Contains(n.spared, name) || n.names[name] != "" {
		return
	}
	sum := sha256.Sum256([]byte(n.scenario + "\x00" + name))
	n.names[name] = "n" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:6]
	// What the cluster has one of keeps the namespace, which tells runs apart.
	if ns := n.spared[0]; strings.Contains(name, ns) {
		n.names[name] += "-" + ns
	}
}

func (n *renamer) addRef(ref string) {
	if _, name, ok := strings.Cut(ref, "/"); ok {
		n.add(name)
	}
}

func (n *renamer) sort() {
	for name := range n.names {
		n.longest = append(n.longest, name)
	}
	slices.SortFunc(n.longest, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
}

// collect takes names of objects and containers and values of labels, at any
// depth. Labels of a namespace configure the cluster and stay.
func (n *renamer) collect(o map[string]any) {
	if meta, ok := o["metadata"].(map[string]any); ok && o["kind"] != "Namespace" {
		if name, ok := meta["name"].(string); ok {
			n.add(name)
		}
		n.labels(meta["labels"])
	}
	for key, value := range o {
		switch v := value.(type) {
		case map[string]any:
			n.collect(v)
		case []any:
			for _, element := range v {
				m, ok := element.(map[string]any)
				if !ok {
					continue
				}
				if name, ok := m["name"].(string); ok && (key == "containers" || key == "initContainers") {
					n.add(name)
				}
				n.collect(m)
			}
		}
	}
}

// labels takes values; of one or two letters, they are also words of scripts.
func (n *renamer) labels(labels any) {
	m, _ := labels.(map[string]any)
	for key, value := range m {
		if v, ok := value.(string); ok && len(v) > 2 && (!strings.Contains(key, "kubernetes.io/") || strings.HasPrefix(key, "app.kubernetes.io/")) {
			n.add(v)
		}
	}
}
