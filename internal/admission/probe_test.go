package admission

import (
	"slices"
	"testing"
)

func TestTheNamespaceForProbesIsNeitherWatchedNorProtected(t *testing.T) {
	job := readJob(t, defaultedPath)
	for name, with := range map[string]func(*Config){
		"watched":   func(c *Config) { c.WatchNamespaces = []string{c.ProbeNamespace()} },
		"protected": func(c *Config) { c.Protected = append(c.Protected, c.ProbeNamespace()) },
		"the executors'": func(c *Config) {
			c.ExecutorNamespace = c.ProbeNamespace()
		},
	} {
		c := Default()
		with(&c)
		// Not the list of protected namespaces in the Job's arguments is what refuses.
		if err := c.check(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := Default()
	c.WatchNamespaces = []string{"shop"}
	set, err := Manifests(c, job)
	if err != nil {
		t.Fatal(err)
	}
	bound := 0
	for _, object := range set.RBAC {
		if object.GetNamespace() == c.ProbeNamespace() && object.GetKind() == "RoleBinding" {
			bound++
		}
	}
	if bound != len(c.Kinds)+1 {
		t.Errorf("%d bindings in the namespace for probes, want one of each executor and the gate's", bound)
	}
	if !slices.Contains(c.PolicyNames(), c.ProbePolicy()) {
		t.Error("the gate does not watch the policy of the namespace for probes")
	}
}
