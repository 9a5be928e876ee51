package remediate

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// live is what the API server says of the target and around it at one moment.
// Everything is kept undecoded, so that no field is lost in a type.
type live struct {
	namespace   *unstructured.Unstructured
	object      *unstructured.Unstructured
	replicaSets []unstructured.Unstructured  // owned by the target
	autoscalers []unstructured.Unstructured  // of the namespace
	budgets     []unstructured.Unstructured  // of the namespace
	owners      []*unstructured.Unstructured // controllers of a pod, nearest first
}

func gvrOf(group, version, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: name}
}

// targetResource is where the target of the Order lives.
func (r *run) targetResource() (schema.GroupVersionResource, error) {
	entry, ok := action.Lookup(r.order.Terms.Action.Kind)
	if !ok {
		return schema.GroupVersionResource{}, errors.New("the kind of action does not exist")
	}
	gv, err := schema.ParseGroupVersion(r.order.Terms.Action.Target.APIVersion)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	return gv.WithResource(entry.Resource), nil
}

// look reads the target and its surroundings. A read that fails ends the run.
func (r *run) look(ctx context.Context) *stop {
	target := r.order.Terms.Action.Target
	var err error
	r.live.namespace, err = r.cfg.Client.Resource(gvrOf("", "v1", "namespaces")).Get(ctx, target.Namespace, metav1.GetOptions{})
	if err != nil {
		return r.couldNot(redact.Literal("read the namespace"), err)
	}
	r.res.Facts.NamespaceLabels = namespaceLabels(r.live.namespace.GetLabels())
	if s := r.lookAtTarget(ctx); s != nil {
		return s
	}
	if r.order.Terms.Action.Kind == action.DeletePod {
		err = r.lookAroundPod(ctx)
	} else {
		err = r.lookAroundWorkload(ctx)
	}
	if err != nil {
		return r.couldNot(redact.Literal("read what surrounds the target"), err)
	}
	r.live.describe(&r.res.Facts, r.cfg.Redactor)
	return nil
}

func (r *run) lookAtTarget(ctx context.Context) *stop {
	target := r.order.Terms.Action.Target
	gvr, err := r.targetResource()
	if err != nil {
		return r.couldNot(redact.Literal("find the target's resource"), err)
	}
	r.live.object, err = r.cfg.Client.Resource(gvr).Namespace(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return refuse(CodeNotFound, redact.Sprintf("%s no longer exists.", redact.Name(target.String())))
	case err != nil:
		return r.couldNot(redact.Literal("read the target"), err)
	}
	return nil
}

func (r *run) lookAroundWorkload(ctx context.Context) error {
	sel, err := selector(r.live.object.Object, "spec", "selector")
	if err != nil {
		return err
	}
	sets, err := r.list(ctx, gvrOf("apps", "v1", "replicasets"), sel.String())
	if err != nil {
		return err
	}
	for _, rs := range sets {
		if owner := metav1.GetControllerOfNoCopy(&rs); owner != nil && owner.UID == r.live.object.GetUID() {
			r.live.replicaSets = append(r.live.replicaSets, rs)
		}
	}
	r.live.autoscalers, err = r.list(ctx, gvrOf("autoscaling", "v2", "horizontalpodautoscalers"), "")
	return err
}

// lookAroundPod reads the budgets, and the controllers upwards as far as the
// account may see.
func (r *run) lookAroundPod(ctx context.Context) error {
	var err error
	if r.live.budgets, err = r.list(ctx, gvrOf("policy", "v1", "poddisruptionbudgets"), ""); err != nil {
		return err
	}
	from := r.live.object
	for range 3 {
		owner := metav1.GetControllerOfNoCopy(from)
		if owner == nil {
			return nil
		}
		gvr, known := controllerResource(owner)
		if !known {
			return nil
		}
		up, err := r.cfg.Client.Resource(gvr).Namespace(from.GetNamespace()).Get(ctx, owner.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && up.GetUID() != owner.UID {
			return nil // the controller is gone; the pod's own reference still says its kind
		}
		if err != nil {
			return err
		}
		r.live.owners = append(r.live.owners, up)
		from = up
	}
	return nil
}

func controllerResource(owner *metav1.OwnerReference) (gvr schema.GroupVersionResource, known bool) {
	switch owner.APIVersion + "/" + owner.Kind {
	case "apps/v1/ReplicaSet":
		return gvrOf("apps", "v1", "replicasets"), true
	case "apps/v1/StatefulSet":
		return gvrOf("apps", "v1", "statefulsets"), true
	case "apps/v1/DaemonSet":
		return gvrOf("apps", "v1", "daemonsets"), true
	case "apps/v1/Deployment":
		return gvrOf("apps", "v1", "deployments"), true
	case "batch/v1/Job":
		return gvrOf("batch", "v1", "jobs"), true
	}
	return schema.GroupVersionResource{}, false
}

// list reads one page. More than 500 objects around one workload are more than
// this program can claim to have looked at.
func (r *run) list(ctx context.Context, gvr schema.GroupVersionResource, sel string) ([]unstructured.Unstructured, error) {
	found, err := r.cfg.Client.Resource(gvr).Namespace(r.order.Terms.Action.Target.Namespace).
		List(ctx, metav1.ListOptions{LabelSelector: sel, Limit: 500})
	if err != nil {
		return nil, err
	}
	if found.GetContinue() != "" {
		return nil, errors.New("more than 500 " + gvr.Resource + " in the namespace")
	}
	return found.Items, nil
}

// selector reads a label selector; an absent one selects nothing, an empty one
// everything, as the API has it.
func selector(obj map[string]any, fields ...string) (labels.Selector, error) {
	raw, found, err := unstructured.NestedMap(obj, fields...)
	if err != nil {
		return nil, err
	}
	if !found {
		return labels.Nothing(), nil
	}
	var sel metav1.LabelSelector
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &sel); err != nil {
		return nil, err
	}
	return metav1.LabelSelectorAsSelector(&sel)
}
