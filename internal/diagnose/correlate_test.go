package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

func finding(name string, cause incident.Cause, root action.Ref) Finding {
	subject := kube.Key("Deployment", "shop", name)
	subject.UID = "u-" + name
	if root == (action.Ref{}) {
		root = subject
	}
	return Finding{Subject: subject, Diagnosis: incident.Diagnosis{Cause: cause, Root: root}}
}

// folded writes findings as "subject←victim,victim".
func folded(found []Finding) string {
	var out []string
	for _, f := range Correlate(found) {
		s := f.Subject.Name
		for n, v := range f.Victims {
			s += []string{"←", ","}[min(n, 1)] + v.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestCorrelate(t *testing.T) {
	secret, service := kube.Key("Secret", "shop", "db"), kube.Key("Service", "shop", "cache")
	elsewhere := kube.Key("Secret", "billing", "db")
	of := func(name string) action.Ref { return kube.Key("Deployment", "shop", name) }
	down, absent := incident.DependencyUnavailable, incident.SecretMissing
	image := func(name, thing string) Finding {
		f := finding(name, incident.ImageRegistryUnreachable, action.Ref{})
		f.Diagnosis.Thing = redact.Name(thing)
		return f
	}
	for name, test := range map[string]struct {
		found []Finding
		want  string
	}{
		"nothing":                              {nil, ""},
		"one cause, one root":                  {[]Finding{finding("a", absent, secret), finding("b", absent, secret), finding("c", absent, secret)}, "a←b,c"},
		"another root":                         {[]Finding{finding("a", absent, secret), finding("b", absent, elsewhere)}, "a b"},
		"another cause of the same root":       {[]Finding{finding("a", absent, secret), finding("b", incident.SecretKeyMissing, secret)}, "a b"},
		"their own causes":                     {[]Finding{finding("a", incident.OOMKilled, action.Ref{}), finding("b", incident.OOMKilled, action.Ref{})}, "a b"},
		"one registry":                         {[]Finding{image("a", "r.example"), image("b", "r.example"), image("c", "s.example")}, "a←b c"},
		"nothing proven":                       {[]Finding{finding("a", incident.Unknown, secret), finding("b", incident.Unknown, secret)}, "a b"},
		"a dependency that fails itself":       {[]Finding{finding("a", down, of("b")), finding("b", incident.OOMKilled, action.Ref{})}, "b←a"},
		"a cascade":                            {[]Finding{finding("a", down, of("b")), finding("b", down, of("c")), finding("c", incident.ImageNotFound, action.Ref{})}, "c←a,b"},
		"a dependency whose own cause is open": {[]Finding{finding("a", down, of("b")), finding("b", incident.Unknown, action.Ref{})}, "b←a"},
		"two that wait for a third":            {[]Finding{finding("a", down, of("c")), finding("b", down, of("c"))}, "a←b"},
		"two that wait for a broken third":     {[]Finding{finding("a", down, of("c")), finding("b", down, of("c")), finding("c", absent, secret)}, "c←a,b"},
		"two that wait for each other":         {[]Finding{finding("a", down, of("b")), finding("b", down, of("a"))}, "b←a"},
		"one that waits for a Service":         {[]Finding{finding("a", down, service), {Subject: service, Diagnosis: incident.Diagnosis{Cause: incident.ServiceSelectorMismatch, Root: service}}}, "cache←a"},
		"a root that is no dependency":         {[]Finding{finding("a", incident.NodeCordoned, of("b")), finding("b", incident.OOMKilled, action.Ref{})}, "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := folded(test.found); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// FuzzCorrelate builds findings that blame each other at random: every subject
// must stand in the answer exactly once.
func FuzzCorrelate(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3})
	f.Add([]byte{1, 0, 3, 2, 1})
	f.Fuzz(func(t *testing.T, blames []byte) {
		if len(blames) > 40 {
			blames = blames[:40]
		}
		name := func(n int) string { return string(rune('a' + n)) }
		causes := []incident.Cause{incident.DependencyUnavailable, incident.OOMKilled, incident.Unknown, incident.InitContainerWaiting}
		var found []Finding
		var want []string
		for n, b := range blames {
			root := kube.Key("Deployment", "shop", name(int(b>>2)%len(blames)))
			found = append(found, finding(name(n), causes[b&3], root))
			want = append(want, name(n))
		}
		var got []string
		for _, f := range Correlate(found) {
			got = append(got, f.Subject.Name)
			for _, v := range f.Victims {
				got = append(got, v.Name)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q of %q", got, want)
		}
	})
}
