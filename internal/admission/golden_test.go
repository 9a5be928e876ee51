package admission

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
)

var update = flag.Bool("update", false, "write the golden files")

// readJob reads a Job; jobs' own golden file is the template, so that the two
// packages meet in a file and not in an import.
func readJob(t *testing.T, path string) *batchv1.Job {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	job := &batchv1.Job{}
	if err := yaml.UnmarshalStrict(raw, job); err != nil {
		t.Fatal(err)
	}
	return job
}

const (
	templatePath  = "../jobs/testdata/job.yaml"
	defaultedPath = "testdata/defaulted-job.yaml"
)

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at the difference and run with -update", path)
	}
}

func TestManifestsAreTheGoldenOnes(t *testing.T) {
	cases := []struct {
		name string
		with func(*Config)
	}{
		{"listed-namespaces.yaml", func(c *Config) { c.WatchNamespaces = []string{"shop", "data"} }},
		{"all-namespaces.yaml", func(c *Config) { c.AllNamespaces = true }},
		{"mode-off.yaml", func(c *Config) { c.AllNamespaces, c.Remediate = true, false }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := Default()
			c.APIServer = []string{"10.96.0.1:443", "192.0.2.0/28:6443", "[2001:db8::1]:6443"}
			tc.with(&c)
			set, err := Manifests(c, readJob(t, defaultedPath))
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := set.Render(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, tc.name, out.Bytes())
		})
	}
}

func TestEveryKindOfTheCatalogueHasARule(t *testing.T) {
	for _, e := range action.Catalogue() {
		if _, ok := ruleOf(e.Kind); !ok {
			t.Errorf("%s has no row in the table", e.Kind)
		}
	}
}

func TestNoRoleReadsSecretsOrWritesWorkloadsButTheExecutors(t *testing.T) {
	c := Default()
	c.AllNamespaces = true
	set, err := Manifests(c, readJob(t, defaultedPath))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range set.RBAC {
		rules, _ := object.Object["rules"].([]any)
		for _, r := range rules {
			rule := r.(map[string]any)
			resources, verbs := texts(rule["resources"]), texts(rule["verbs"])
			if slices.Contains(resources, "secrets") || slices.Contains(resources, "*") || slices.Contains(verbs, "*") || slices.Contains(verbs, "impersonate") {
				t.Errorf("%s %s has the rule %v", object.GetKind(), object.GetName(), rule)
			}
			_, executor := action.Lookup(action.Kind(strings.TrimPrefix(object.GetName(), prefix)))
			writes := slices.ContainsFunc(verbs, func(v string) bool { return !slices.Contains(look, v) })
			workload := slices.ContainsFunc(resources, func(r string) bool {
				return slices.Contains([]string{"pods", "deployments", "statefulsets", "daemonsets"}, r)
			})
			if writes && workload && !executor {
				t.Errorf("%s %s may change workloads: %v", object.GetKind(), object.GetName(), rule)
			}
		}
	}
}

func texts(v any) []string {
	var out []string
	items, _ := v.([]any)
	for _, i := range items {
		out = append(out, i.(string))
	}
	return out
}

func TestModeOffInstallsNoExecutorAccount(t *testing.T) {
	c := Default()
	c.AllNamespaces, c.Remediate = true, false
	set, err := Manifests(c, readJob(t, defaultedPath))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range slices.Concat(set.Accounts, set.RBAC) {
		if object.GetNamespace() == c.ExecutorNamespace {
			t.Errorf("%s %s is in the executor namespace", object.GetKind(), object.GetName())
		}
	}
	if len(set.Policies) != 2*len(c.PolicyNames()) {
		t.Errorf("%d policies and bindings, want the whole wall of %d policies", len(set.Policies), len(c.PolicyNames()))
	}
}

func TestAConfigurationThatWeakensTheWallIsRefused(t *testing.T) {
	cases := []struct {
		name string
		with func(*Config)
	}{
		{"the zero value", func(c *Config) { *c = Config{} }},
		{"executors in Countersign's own namespace", func(c *Config) { c.ExecutorNamespace = c.Namespace }},
		{"one account for both roles", func(c *Config) { c.Gate = c.Watcher }},
		{"a kind without a rule", func(c *Config) { c.Kinds = append(c.Kinds, "exec-shell") }},
		{"no kind", func(c *Config) { c.Kinds = nil }},
		{"a namespace that ends a CEL string", func(c *Config) { c.Protected = append(c.Protected, "a'] || true || 'x' in ['") }},
		{"executors bound in a protected namespace", func(c *Config) { c.WatchNamespaces = []string{"kube-system"} }},
		{"an API server that is no address", func(c *Config) { c.APIServer = []string{"kubernetes.default:443"} }},
		{"an API server without a port", func(c *Config) { c.APIServer = []string{"10.0.0.1"} }},
		{"an instance that is no name", func(c *Config) { c.Instance = "A b" }},
		{"another list of protected namespaces than the executor's", func(c *Config) { c.Protected = append(c.Protected, "bank") }},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := Default()
			tc.with(&c)
			if _, err := Manifests(c, readJob(t, defaultedPath)); err == nil {
				t.Error("manifests were generated")
			}
		})
	}
}

func TestAJobThatIsNotThePlainShapeIsNotPinned(t *testing.T) {
	cases := []struct {
		name string
		with func(*batchv1.Job)
	}{
		{"a sidecar that a webhook added", func(j *batchv1.Job) {
			j.Spec.Template.Spec.Containers = append(j.Spec.Template.Spec.Containers, j.Spec.Template.Spec.Containers[0])
		}},
		{"an init container that a webhook added", func(j *batchv1.Job) {
			j.Spec.Template.Spec.InitContainers = j.Spec.Template.Spec.Containers
		}},
		{"an image by tag", func(j *batchv1.Job) { j.Spec.Template.Spec.Containers[0].Image = "executor:latest" }},
		{"a second variable", func(j *batchv1.Job) {
			c := &j.Spec.Template.Spec.Containers[0]
			c.Env = append(c.Env, c.Env[0])
		}},
		{"another control namespace", func(j *batchv1.Job) {
			args := j.Spec.Template.Spec.Containers[0].Args
			args[len(args)-1] = "--control-namespace=shop"
		}},
		{"no control namespace", func(j *batchv1.Job) {
			c := &j.Spec.Template.Spec.Containers[0]
			c.Args = c.Args[:len(c.Args)-1]
		}},
		{"a job that no API server completed", func(j *batchv1.Job) { j.Spec.Parallelism = nil }},
	}
	c := Default()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			job := readJob(t, defaultedPath)
			tc.with(job)
			if _, err := Manifests(c, job); err == nil {
				t.Error("it was pinned")
			}
		})
	}
	if _, err := Manifests(c, nil); err == nil {
		t.Error("no job at all was pinned")
	}
}

func TestLiteralWritesCEL(t *testing.T) {
	got, err := literal(map[string]any{"b": []any{"it's", int64(3), verbatim("variables.x")}, "a": true, "c": "x/y"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{'a': dyn(true), 'b': dyn([dyn("it's"), dyn(3), dyn(variables.x)]), 'c': dyn('x/y')}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := literal(1.5); err == nil {
		t.Error("a float was pinned")
	}
}
