package jobs

import (
	"bytes"
	"crypto/ed25519"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
)

var update = flag.Bool("update", false, "write the golden files")

const testUID = "11111111-2222-4333-8444-555555555555"

// testKey is the same in every run, so that the golden file holds.
func testKey() action.SigningKey {
	return action.SigningKey{ID: "k1", Private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

func testTemplate() Template {
	key := testKey()
	return Template{
		Namespace: "countersign-exec",
		Control:   "countersign",
		Image:     "countersign.dev/executor@sha256:" + strings.Repeat("ab", 32),
		Keys:      action.Keys{key.ID: key.Private.Public().(ed25519.PublicKey)},
		Protected: []string{"kube-system", "countersign", "countersign-exec", "gatekeeper-system", "kube-node-lease", "kube-public"},
	}
}

func testOrder(t *testing.T, mode action.Mode, expires time.Time) action.Order {
	t.Helper()
	expires = expires.UTC().Truncate(time.Second)
	hash := action.Hash(strings.Repeat("cd", 32))
	act := action.Action{
		Kind: action.Restart, Params: action.Params{Restart: &action.RestartParams{At: "2026-11-20T12:00:00Z"}}, Bound: hash,
		Target: action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: testUID},
	}
	terms := action.NewTerms(act, hash, expires)
	name, err := action.JobName(mode, terms, 0)
	if err != nil {
		t.Fatal(err)
	}
	order, err := action.Order{
		Execution: name, Incident: "i0123456789ab", Mode: mode, Terms: terms, Decision: hash, After: hash,
		Stamps: &action.Stamps{Incident: "i0123456789ab", ApprovedBy: []string{"U1"}, At: expires}, ExpiresAt: expires,
	}.Sign(testKey())
	if err != nil {
		t.Fatal(err)
	}
	return order
}

func encode(t *testing.T, o action.Order) string {
	t.Helper()
	text, err := o.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheSampleIsTheGoldenShape(t *testing.T) {
	job, err := testTemplate().Sample()
	if err != nil {
		t.Fatal(err)
	}
	got, err := yaml.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/job.yaml"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the shape changed; admission pins it, so look at both and run with -update:\n%s", got)
	}
}

func TestAJobCarriesItsOrderAndNothingElseThatVaries(t *testing.T) {
	order := testOrder(t, action.Apply, time.Now().Add(time.Minute))
	job, err := testTemplate().Job(order, encode(t, order))
	if err != nil {
		t.Fatal(err)
	}
	sample, err := testTemplate().Sample()
	if err != nil {
		t.Fatal(err)
	}
	pod := job.Spec.Template.Spec
	if job.Name != order.Execution || pod.ServiceAccountName != "restart" || pod.Containers[0].Env[0].Value != encode(t, order) {
		t.Errorf("name %s, account %s", job.Name, pod.ServiceAccountName)
	}
	if job.Labels[IncidentLabel] != order.Incident || job.Spec.Template.Labels[IncidentLabel] != order.Incident {
		t.Errorf("labels %v and %v", job.Labels, job.Spec.Template.Labels)
	}
	job.Name, job.Labels, job.Spec.Template.Labels = sample.Name, sample.Labels, sample.Spec.Template.Labels
	job.Spec.Template.Spec.Containers[0].Env = sample.Spec.Template.Spec.Containers[0].Env
	if diff := cmp.Diff(sample, job); diff != "" {
		t.Errorf("something else varies:\n%s", diff)
	}
}

func TestAnOrderThatItsExecutorWouldRefuseGetsNoJob(t *testing.T) {
	good := testOrder(t, action.Apply, time.Now().Add(time.Minute))
	other := testOrder(t, action.Rehearse, time.Now().Add(time.Minute))
	cases := []struct {
		name     string
		template func(*Template)
		encoded  func() string
		want     string
	}{
		{"another order's bytes", nil, func() string { return encode(t, other) }, "another one"},
		{"a signature by a key that executors do not trust", func(t *Template) {
			t.Keys = action.Keys{"k2": t.Keys["k1"]}
		}, nil, "not signed by a trusted key"},
		{"a changed byte", nil, func() string { return "A" + encode(t, good)[1:] }, "order"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			template, text := testTemplate(), encode(t, good)
			if tc.template != nil {
				tc.template(&template)
			}
			if tc.encoded != nil {
				text = tc.encoded()
			}
			_, err := template.Job(good, text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one about %q", err, tc.want)
			}
		})
	}
}

func TestATemplateThatLeavesAHoleIsRefused(t *testing.T) {
	cases := map[string]func(*Template){
		"the zero value":          func(t *Template) { *t = Template{} },
		"no namespace":            func(t *Template) { t.Namespace = "" },
		"no control namespace":    func(t *Template) { t.Control = "" },
		"an image by tag":         func(t *Template) { t.Image = "executor:latest" },
		"an image of tag@digest?": func(t *Template) { t.Image = "executor @sha256:" + strings.Repeat("a", 64) },
		"no key":                  func(t *Template) { t.Keys = nil },
		"a key id with a comma":   func(t *Template) { t.Keys = action.Keys{"a,b": t.Keys["k1"]} },
		"nothing protected":       func(t *Template) { t.Protected = nil },
	}
	for name, with := range cases {
		t.Run(name, func(t *testing.T) {
			template := testTemplate()
			with(&template)
			if _, err := template.Sample(); err == nil {
				t.Error("a job was built")
			}
		})
	}
}
