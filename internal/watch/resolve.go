package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
)

// kindName is a kind that people may ask about, in the words of kubectl.
type kindName struct {
	kind     string
	resource schema.GroupVersionResource
	cluster  bool // it has no namespace
	words    []string
}

func kindNames() []kindName {
	gvr := func(group, resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
	}
	return []kindName{
		{kind: "Deployment", resource: gvr("apps", "deployments"), words: []string{"deploy"}},
		{kind: "Pod", resource: gvr("", "pods"), words: []string{"po"}},
		{kind: "StatefulSet", resource: gvr("apps", "statefulsets"), words: []string{"sts"}},
		{kind: "DaemonSet", resource: gvr("apps", "daemonsets"), words: []string{"ds"}},
		{kind: "Job", resource: gvr("batch", "jobs")},
		{kind: "CronJob", resource: gvr("batch", "cronjobs"), words: []string{"cj"}},
		{kind: "ReplicaSet", resource: gvr("apps", "replicasets"), words: []string{"rs"}},
		{kind: "Node", resource: gvr("", "nodes"), cluster: true, words: []string{"no"}},
		{kind: "Namespace", resource: gvr("", "namespaces"), cluster: true, words: []string{"ns"}},
		{kind: "Service", resource: gvr("", "services"), words: []string{"svc"}},
		{kind: "PersistentVolumeClaim", resource: gvr("", "persistentvolumeclaims"), words: []string{"pvc"}},
		{kind: "Ingress", resource: gvr("networking.k8s.io", "ingresses"), words: []string{"ing"}},
		{kind: "HorizontalPodAutoscaler", resource: schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, words: []string{"hpa"}},
		{kind: "PodDisruptionBudget", resource: gvr("policy", "poddisruptionbudgets"), words: []string{"pdb"}},
	}
}

// maxTyped bounds what is said back of what somebody typed.
const maxTyped = 80

// SplitTarget reads "deploy/api" or "deploy api", as people type it. Without a
// kind it is an error that names the form.
func SplitTarget(words ...string) (kind, name string, err error) {
	if len(words) == 1 {
		words = strings.SplitN(words[0], "/", 2)
	}
	if len(words) != 2 || words[0] == "" || words[1] == "" {
		return "", "", errors.New("name one object as KIND/NAME, for example deploy/api")
	}
	return words[0], words[1], nil
}

// NotFoundError says that there is no such object, and what comes near.
type NotFoundError struct {
	Kind, Namespace, Name string
	Near                  []string // at most 3 names of that kind in that namespace
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("there is no %s %q", e.Kind, e.Name)
	if e.Namespace != "" {
		s += fmt.Sprintf(" in namespace %q", e.Namespace)
	}
	if len(e.Near) > 0 {
		s += "; did you mean " + strings.Join(e.Near, " or ") + "?"
	}
	return s
}

// Resolve finds the object that a person means. kind is any word that kubectl
// takes for it (po, pods, Deployment, deployments.apps); the reference carries
// the UID of the live object.
func (c *Collector) Resolve(ctx context.Context, kind, namespace, name string) (action.Ref, error) {
	k, err := findKind(kind)
	if err != nil {
		return action.Ref{}, err
	}
	name = strings.ToLower(name)
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return action.Ref{}, fmt.Errorf("%q is not the name of a Kubernetes object", clip(name))
	}
	if k.cluster {
		namespace = ""
	} else if len(validation.IsDNS1123Label(namespace)) > 0 {
		return action.Ref{}, fmt.Errorf("%q is not the name of a namespace", clip(namespace))
	}
	ref := kube.Key(k.kind, namespace, name)
	obj, err := c.cfg.Metadata.Resource(k.resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case err == nil:
		ref.UID = string(obj.UID)
		return ref, nil
	case apierrors.IsNotFound(err):
		return action.Ref{}, &NotFoundError{Kind: k.kind, Namespace: namespace, Name: name, Near: c.near(ctx, k, namespace, name)}
	case apierrors.IsForbidden(err):
		return action.Ref{}, fmt.Errorf("this account may not read %s in namespace %q: %w", k.resource.Resource, namespace, err)
	}
	return action.Ref{}, fatal(ref, err)
}

func findKind(word string) (kindName, error) {
	w := strings.ToLower(word)
	if base, group, ok := strings.Cut(w, "."); ok {
		for _, k := range kindNames() {
			if base == k.resource.Resource && group == k.resource.Group {
				return k, nil
			}
		}
	}
	var known []string
	for _, k := range kindNames() {
		if w == strings.ToLower(k.kind) || w == k.resource.Resource || slices.Contains(k.words, w) {
			return k, nil
		}
		known = append(known, k.kind)
	}
	return kindName{}, fmt.Errorf("kind %q cannot be looked at; it can be %s", clip(word), strings.Join(known, ", "))
}

// near finds names that are an edit or two away, or hold what was typed. It is
// a courtesy: errors give none.
func (c *Collector) near(ctx context.Context, k kindName, namespace, name string) []string {
	list, err := c.cfg.Metadata.Resource(k.resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: pages})
	if err != nil {
		return nil
	}
	type match struct {
		name string
		far  int
	}
	var found []match
	for i := range list.Items {
		n := list.Items[i].Name
		far := levenshtein.ComputeDistance(n, name)
		if strings.HasPrefix(n, name) {
			far = min(far, 1)
		}
		if far <= 2 || far <= len(name)/3 {
			found = append(found, match{n, far})
		}
	}
	slices.SortFunc(found, func(a, b match) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var names []string
	for _, m := range found[:min(3, len(found))] {
		names = append(names, m.name)
	}
	return names
}

func clip(s string) string {
	if len(s) > maxTyped {
		return s[:maxTyped] + "…"
	}
	return s
}
