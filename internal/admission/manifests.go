package admission

import (
	"fmt"
	"io"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// Set is everything of one installation, in the order of its creation: rights
// come last, when the policies that bound them exist. Beside the accounts stand
// the ConfigMaps by which people steer, empty; Probes are what the fence is
// proven on.
type Set struct {
	Namespaces, Accounts, Network, Policies, Probes, RBAC []*unstructured.Unstructured
	// Wall is the mark that the refusals of these very policies carry.
	Wall string
}

// All is the whole set in order.
func (s Set) All() []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, part := range [][]*unstructured.Unstructured{s.Namespaces, s.Accounts, s.Network, s.Policies, s.Probes, s.RBAC} {
		all = append(all, part...)
	}
	return all
}

// Manifests generates the set. defaulted is the executor Job as the API server
// completes it (CompleteJob): what is pinned is that very form.
func Manifests(c Config, defaulted *batchv1.Job) (Set, error) {
	if err := c.check(); err != nil {
		return Set{}, fmt.Errorf("admission configuration: %w", err)
	}
	policies, bindings, wall, err := c.policies(defaulted)
	if err != nil {
		return Set{}, err
	}
	s := Set{Wall: wall}
	for _, part := range []struct {
		into *[]*unstructured.Unstructured
		from []runtime.Object
	}{
		{&s.Namespaces, c.namespaces()}, {&s.Accounts, c.accounts()}, {&s.Network, c.network()},
		{&s.Policies, append(policies, bindings...)}, {&s.Probes, c.probeObjects()}, {&s.RBAC, c.rbac()},
	} {
		for _, object := range part.from {
			plain, err := plainOf(object)
			if err != nil {
				return Set{}, err
			}
			*part.into = append(*part.into, plain)
		}
	}
	return s, nil
}

func (c Config) policies(defaulted *batchv1.Job) (policies, bindings []runtime.Object, wall string, err error) {
	job, err := pin(c, defaulted)
	if err != nil {
		return nil, nil, "", err
	}
	gate, err := gatePolicy(c, job)
	if err != nil {
		return nil, nil, "", err
	}
	all := []*admissionv1.ValidatingAdmissionPolicy{gate, namespacePolicy(c, job), probePolicy(c)}
	for _, k := range c.kinds() {
		rule, _ := ruleOf(k) // check has seen to it
		p, err := executorPolicy(c, rule)
		if err != nil {
			return nil, nil, "", err
		}
		all = append(all, p)
	}
	wall, err = stampWall(all)
	if err != nil {
		return nil, nil, "", err
	}
	for _, p := range all {
		policies, bindings = append(policies, p), append(bindings, newBinding(p.Name))
	}
	return policies, bindings, wall, nil
}

// plainOf drops what the API server fills in itself.
func plainOf(object runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", object.GetObjectKind().GroupVersionKind().Kind, err)
	}
	u := &unstructured.Unstructured{Object: content}
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	unstructured.RemoveNestedField(content, "status")
	if u.GetKind() == "Namespace" {
		unstructured.RemoveNestedField(content, "spec")
	}
	return u, nil
}

// Render writes the set as YAML documents.
func (s Set) Render(w io.Writer) error {
	for _, object := range s.All() {
		raw, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("render %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if _, err := fmt.Fprintf(w, "---\n%s", raw); err != nil {
			return fmt.Errorf("render manifests: %w", err)
		}
	}
	return nil
}
