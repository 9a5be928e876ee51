package remediate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// FieldManager is the name under which every write is recorded.
const FieldManager = "countersign"

// changeWorkload rehearses or applies an action that patches a workload.
func (r *run) changeWorkload(ctx context.Context) *stop {
	a := r.order.Terms.Action
	who, code := managedBy(r.live.object, func(s string) redact.Text { return r.cfg.Redactor.Redact(s).Truncate(80) })
	if code != "" {
		return refuse(code, redact.Sprintf("%s owns this workload and would revert the change: make it there.", who))
	}
	change, s := r.live.plan(a)
	if s != nil {
		return s
	}
	r.res.Facts.ImageRanBefore = a.Params.SetImage != nil || a.Params.Rollback != nil
	ops := append(guards(r.live.object.Object), change...)
	if s := r.wall(ctx, func() error { return r.patch(ctx, append(ops, breach(r.live.object.Object)), true, nil) }); s != nil {
		return s
	}
	ops = append(ops, annotate(r.live.object.Object, r.stamps(), "metadata")...)
	if s := r.rehearse(ctx, ops); s != nil || r.order.Mode == action.Rehearse {
		return s
	}
	return r.apply(ctx, ops)
}

// breach is the operation that every policy of ours refuses. It turns the
// value over, so that it is a change in a workload that has hostNetwork too.
func breach(live map[string]any) op {
	on, _, _ := unstructured.NestedBool(live, "spec", "template", "spec", "hostNetwork")
	return op{Op: "add", Path: "/spec/template/spec/hostNetwork", Value: !on}
}

// wall runs a write that must be refused, always as a dry run, and stops
// unless the refusal names a policy of ours. Anything else that refuses proves
// nothing about the policy.
func (r *run) wall(ctx context.Context, forbidden func() error) *stop {
	err := forbidden()
	refused := refusalOf(err)
	switch {
	case refused.ours():
		return nil
	case err == nil:
		return refuse(CodeWallOpen, redact.Literal("The admission policy let a forbidden change through in a dry run: nothing is changed until the fence stands again."))
	case refused.policy != "" || refused.webhook || refused.rbac:
		return refuse(CodeWallOpen, redact.Sprintf("A forbidden change was refused in a dry run, but not by our admission policy: %s", r.tell(err)))
	}
	return r.explain(ctx, err)
}

// stamps are the annotations that are written beside the change. A rehearsal
// has no approvers yet and writes the places they will take.
func (r *run) stamps() map[string]string {
	if r.order.Stamps != nil {
		return r.order.Stamps.Annotations()
	}
	return action.Stamps{Incident: r.order.Incident, At: r.now}.Annotations()
}

// patch sends ops as one JSON Patch. The API server applies all or nothing,
// and tests and change see the same state.
func (r *run) patch(ctx context.Context, ops []op, dryRun bool, into *map[string]any, subresources ...string) error {
	body, err := json.Marshal(ops)
	if err != nil {
		return fmt.Errorf("encode patch: %w", err)
	}
	gvr, err := r.targetResource()
	if err != nil {
		return err
	}
	opts := metav1.PatchOptions{FieldManager: FieldManager}
	if dryRun {
		opts.DryRun = []string{metav1.DryRunAll}
	}
	target := r.order.Terms.Action.Target
	got, err := r.cfg.Client.Resource(gvr).Namespace(target.Namespace).Patch(ctx, target.Name, types.JSONPatchType, body, opts, subresources...)
	if err == nil && into != nil {
		*into = got.Object
	}
	return err
}

// rehearse dry-runs the patch, measures the result and, for an execution,
// holds it to the hash that people saw rehearsed.
func (r *run) rehearse(ctx context.Context, ops []op) *stop {
	a := r.order.Terms.Action
	var after map[string]any
	if err := r.patch(ctx, ops, true, &after); err != nil {
		return r.explain(ctx, err)
	}
	hash, err := action.BoundHash(a.Kind, after)
	if err != nil {
		return r.couldNot(redact.Literal("hash the result of the dry run"), err)
	}
	r.res.After = hash
	if hash == r.res.Before {
		return refuse(CodeNoChange, redact.Literal("The change would change nothing."))
	}
	if r.order.Mode == action.Apply {
		if hash != r.order.After {
			return refuse(CodePredictionChanged, redact.Literal("The dry run gives another result than the rehearsal that was approved: rehearse and vote again."))
		}
		return nil
	}
	r.res.Diff, r.res.DiffMissing = diff(r.cfg.Redactor, r.live.object.Object, after)
	r.res.State = Rehearsed
	return nil
}

// apply sends the patch in earnest, once.
func (r *run) apply(ctx context.Context, ops []op) *stop {
	if s := r.notStopped(ctx); s != nil {
		return s
	}
	var after map[string]any
	err := r.patch(ctx, ops, false, &after)
	if err != nil && ambiguous(err) {
		return r.settle(ctx, err)
	}
	if err != nil {
		return r.explain(ctx, err)
	}
	return r.took(after)
}

// took records what a write left behind.
func (r *run) took(after map[string]any) *stop {
	r.res.State = Applied
	hash, err := action.BoundHash(r.order.Terms.Action.Kind, after)
	if err != nil || hash != r.order.After {
		r.res.Code = CodeAfterDiffers
		r.res.Reason = redact.Literal("The change was made, but the object now differs from what the rehearsal showed.")
	}
	r.res.After = hash
	return nil
}

// ambiguous tells whether a write may have taken effect although it returned
// an error: no answer came, or the server answered that it does not know.
func ambiguous(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError
}

// settle looks at the target after an ambiguous write and compares hashes. It
// has time of its own, because the Job's may be what ran out.
func (r *run) settle(ctx context.Context, cause error) *stop {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	now, err := r.reread(ctx)
	if err == nil {
		hash, _ := action.BoundHash(r.order.Terms.Action.Kind, now.Object)
		switch {
		case hash == r.order.After:
			return r.took(now.Object)
		case hash == r.res.Before:
			return fail(CodeAPI, redact.Sprintf("The API server did not take the change: %s", r.tell(cause)))
		}
	}
	return fail(CodeUnknown, redact.Literal("The change was sent and no answer came: look at the workload before trying again."))
}

func (r *run) reread(ctx context.Context) (*unstructured.Unstructured, error) {
	gvr, err := r.targetResource()
	if err != nil {
		return nil, err
	}
	target := r.order.Terms.Action.Target
	return r.cfg.Client.Resource(gvr).Namespace(target.Namespace).Get(ctx, target.Name, metav1.GetOptions{})
}

// explain turns the refusal of a write into a stop. Whether the object moved is
// not read from the error but from the object.
func (r *run) explain(ctx context.Context, err error) *stop {
	refused := refusalOf(err)
	target := redact.Name(r.order.Terms.Action.Target.String())
	switch {
	case refused.policy != "" || refused.webhook:
		return refuse(CodeDenied, redact.Sprintf("Admission refused the change: %s", r.cfg.Redactor.Redact(refused.policy+" "+refused.said).Truncate(300)))
	case apierrors.IsNotFound(err):
		return refuse(CodeNotFound, redact.Sprintf("%s no longer exists.", target))
	case apierrors.IsConflict(err) || apierrors.IsInvalid(err):
		return r.whatMoved(ctx, err)
	case refused.rbac:
		return refuse(CodeForbidden, redact.Sprintf("The executor's account may not do this: %s", r.tell(err)))
	case ambiguous(err) || apierrors.IsTooManyRequests(err) || apierrors.IsUnauthorized(err):
		return fail(CodeAPI, redact.Sprintf("The API server could not answer: %s", r.tell(err)))
	}
	return refuse(CodeInvalid, redact.Sprintf("The API server refused the change: %s", r.tell(err)))
}

func (r *run) whatMoved(ctx context.Context, cause error) *stop {
	target := redact.Name(r.order.Terms.Action.Target.String())
	now, err := r.reread(ctx)
	if apierrors.IsNotFound(err) {
		return refuse(CodeNotFound, redact.Sprintf("%s no longer exists.", target))
	}
	if err == nil {
		hash, _ := action.BoundHash(r.order.Terms.Action.Kind, now.Object)
		switch {
		case string(now.GetUID()) != r.order.Terms.Action.Target.UID:
			return refuse(CodeUIDChanged, redact.Sprintf("%s was deleted and made again since: this is another object of the same name.", target))
		case hash != r.res.Before:
			return boundChanged(target)
		}
	}
	if apierrors.IsConflict(cause) {
		return refuse(CodeConflict, redact.Sprintf("%s is being changed by somebody else at this moment.", target))
	}
	return refuse(CodeInvalid, redact.Sprintf("The API server refused the change: %s", r.tell(cause)))
}
