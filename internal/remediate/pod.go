package remediate

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// deletePod rehearses or carries out the deletion of one managed pod.
func (r *run) deletePod(ctx context.Context) *stop {
	if s := r.live.mayDelete(); s != nil {
		return s
	}
	// Without a UID precondition every policy of ours refuses the deletion.
	if s := r.wall(ctx, func() error { return r.remove(ctx, true, false) }); s != nil {
		return s
	}
	if err := r.remove(ctx, true, true); err != nil {
		return r.explain(ctx, err)
	}
	if r.order.Mode == action.Rehearse {
		r.res.State = Rehearsed
		return nil
	}
	if s := r.notStopped(ctx); s != nil {
		return s
	}
	err := r.remove(ctx, false, true)
	if err != nil && ambiguous(err) {
		return r.settleDeletion(ctx, err)
	}
	if err != nil {
		return r.explain(ctx, err)
	}
	r.res.State = Applied
	return nil
}

// remove sends the DELETE. The dry-run flag stands in the body: in the query it
// is ignored once there is one. The grace period is the pod's own.
func (r *run) remove(ctx context.Context, dryRun, pinned bool) error {
	var opts metav1.DeleteOptions
	if dryRun {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	target := r.order.Terms.Action.Target
	if pinned {
		uid := types.UID(target.UID)
		opts.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	return r.cfg.Client.Resource(gvrOf("", "v1", "pods")).Namespace(target.Namespace).Delete(ctx, target.Name, opts)
}

// settleDeletion looks whether the pod is gone or going.
func (r *run) settleDeletion(ctx context.Context, cause error) *stop {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now, err := r.reread(ctx)
	switch {
	case apierrors.IsNotFound(err),
		err == nil && (string(now.GetUID()) != r.res.UID || now.GetDeletionTimestamp() != nil):
		r.res.State = Applied
		return nil
	case err == nil:
		return fail(CodeAPI, redact.Sprintf("The API server did not take the deletion: %s", r.tell(cause)))
	}
	return fail(CodeUnknown, redact.Literal("The deletion was sent and no answer came: look at the pod before trying again."))
}

// mayDelete refuses a pod that nothing would bring back, and a healthy one that
// a disruption budget still needs. The eviction API is not used, because the
// crash-looping pods that this is for are no eviction's business; a pod that is
// not ready takes nothing from a budget.
func (l live) mayDelete() *stop {
	owner := metav1.GetControllerOfNoCopy(l.object)
	if owner == nil {
		return refuse(CodeBarePod, redact.Literal("No controller would make this pod again, so it is never deleted from here."))
	}
	switch owner.Kind {
	case "ReplicaSet", "StatefulSet", "DaemonSet", "Job":
	default:
		return refuse(CodeBarePod, redact.Sprintf("The pod is controlled by a %s, which is not known to make it again.", redact.Name(owner.Kind)))
	}
	if !ready(l.object.Object) {
		return nil
	}
	for _, pdb := range l.budgets {
		if covers(pdb, l.object) && !allowsDisruption(pdb.Object) {
			return refuse(CodeBudget, redact.Sprintf("The pod is healthy and PodDisruptionBudget %s allows no disruption now.", redact.Name(pdb.GetName())))
		}
	}
	return nil
}

// covers tells whether the budget's selector matches the pod. One that cannot
// be read is taken to match.
func covers(pdb unstructured.Unstructured, pod *unstructured.Unstructured) bool {
	sel, err := selector(pdb.Object, "spec", "selector")
	return err != nil || sel.Matches(labels.Set(pod.GetLabels()))
}

// allowsDisruption believes the budget's status only if it is of the current
// specification, as the eviction API does.
func allowsDisruption(pdb map[string]any) bool {
	allowed, _, _ := unstructured.NestedInt64(pdb, "status", "disruptionsAllowed")
	observed, _, _ := unstructured.NestedInt64(pdb, "status", "observedGeneration")
	generation, _, _ := unstructured.NestedInt64(pdb, "metadata", "generation")
	return allowed > 0 && observed >= generation
}

func ready(pod map[string]any) bool {
	conditions, _, _ := unstructured.NestedSlice(pod, "status", "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok && m["type"] == "Ready" {
			return m["status"] == "True"
		}
	}
	return false
}
