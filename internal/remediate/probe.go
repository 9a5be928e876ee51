package remediate

import (
	"context"
	"errors"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Outcome is what a probe met. Only ByPolicy shows that the fence stands.
type Outcome string

// The outcomes.
const (
	ByPolicy Outcome = "policy" // refused by an admission policy of ours
	ByRBAC   Outcome = "rbac"   // refused before admission: says nothing of the policy
	ByOther  Outcome = "other"  // refused by something else
	Open     Outcome = "open"   // it would have gone through
)

// Attempt is one probe and its outcome.
type Attempt struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
}

// OwnChange is the probe that must get through: the one change this account is
// for. Without it a policy that refuses everything would look like a fence.
const OwnChange = "own-change"

// probe tries, always as a dry run, what this account must not do to the
// object, and its own change for comparison.
func (r *run) probe(ctx context.Context) *stop {
	if s := r.lookAtTarget(ctx); s != nil {
		return s
	}
	a := r.order.Terms.Action
	if uid := string(r.live.object.GetUID()); uid != a.Target.UID {
		return refuse(CodeUIDChanged, redact.Literal("The object for probes was made again since."))
	}
	r.res.UID = a.Target.UID
	tries := r.podProbes()
	if a.Kind != action.DeletePod {
		if err := r.lookAroundWorkload(ctx); err != nil {
			return r.couldNot(redact.Literal("read what surrounds the target"), err)
		}
		tries = r.workloadProbes()
	}
	for _, t := range append(tries, r.commonProbes()...) {
		err := t.try(ctx)
		if unanswered(err) {
			err = t.try(ctx) // one lost answer is no hole in the fence
		}
		if unanswered(err) {
			return r.couldNot(redact.Literal("make every probe"), err)
		}
		outcome := outcomeOf(err)
		r.res.Probes = append(r.res.Probes, Attempt{Name: t.name, Outcome: outcome})
		if outcome == Open && t.name != OwnChange {
			r.res.Code = CodeWallOpen
			r.res.Reason = redact.Sprintf("A forbidden change would go through: %s.", redact.Name(t.name))
		}
	}
	r.res.State = Probed
	return nil
}

// unanswered reports whether the API server did not say what it would do: its
// answer was lost, or it was not well.
func unanswered(err error) bool {
	if err == nil {
		return false
	}
	var status apierrors.APIStatus
	return !errors.As(err, &status) || status.Status().Code >= http.StatusInternalServerError || apierrors.IsTooManyRequests(err)
}

func outcomeOf(err error) Outcome {
	refused := refusalOf(err)
	switch {
	case err == nil:
		return Open
	case refused.ours():
		return ByPolicy
	case refused.rbac:
		return ByRBAC
	}
	return ByOther
}

type try struct {
	name string
	try  func(context.Context) error
}

// workloadProbes are patches of the workload that lie outside every kind's
// fields, and those of the other kinds.
func (r *run) workloadProbes() []try {
	kind := r.order.Terms.Action.Kind
	spec := "/spec/template/spec/"
	patches := []struct {
		name string
		not  []action.Kind // kinds that may
		ops  []op
	}{
		{"host-network", nil, []op{breach(r.live.object.Object)}},
		{"host-pid", nil, []op{{"add", spec + "hostPID", true}}},
		{"host-ipc", nil, []op{{"add", spec + "hostIPC", true}}},
		{"service-account", nil, []op{{"add", spec + "serviceAccountName", "countersign-probe"}}},
		{"privileged", nil, []op{{"add", spec + "containers/0/securityContext", map[string]any{"privileged": true}}}},
		{"host-path", nil, []op{{"add", spec + "volumes", []any{map[string]any{"name": "probe", "hostPath": map[string]any{"path": "/"}}}}}},
		{"node-name", nil, []op{{"add", spec + "nodeName", "countersign-probe"}}},
		{"labels", nil, []op{{"add", "/metadata/labels", map[string]string{"countersign-probe": "x"}}}},
		{"finalizers", nil, []op{{"add", "/metadata/finalizers", []string{"countersign.dev/probe"}}}},
		{"replicas", nil, []op{{"add", "/spec/replicas", 7}}},
		{"image", []action.Kind{action.SetImage, action.Rollback}, []op{{"replace", spec + "containers/0/image", "countersign.invalid/probe"}}},
		{"command", []action.Kind{action.Rollback}, []op{{"add", spec + "containers/0/command", []string{"countersign-probe"}}}},
	}
	tries := []try{{OwnChange, r.ownChange}}
	for _, p := range patches {
		if !slices.Contains(p.not, kind) {
			tries = append(tries, try{p.name, func(ctx context.Context) error { return r.patch(ctx, p.ops, true, nil) }})
		}
	}
	return append(tries, r.subresource("scale", []op{{"add", "/spec/replicas", 7}}), r.subresource("status", []op{{"add", "/status/observedGeneration", 1}}),
		try{"delete", func(ctx context.Context) error {
			target := r.order.Terms.Action.Target
			opts := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
			return r.cfg.Client.Resource(gvrOf("apps", "v1", "deployments")).Namespace(target.Namespace).Delete(ctx, target.Name, opts)
		}})
}

// ownChange is the change that the Order names, with its stamps.
func (r *run) ownChange(ctx context.Context) error {
	change, s := r.live.plan(r.order.Terms.Action)
	if s != nil {
		return errors.New("the probe's own change does not fit the object for probes")
	}
	ops := append(guards(r.live.object.Object), change...)
	return r.patch(ctx, append(ops, annotate(r.live.object.Object, r.stamps(), "metadata")...), true, nil)
}

func (r *run) subresource(name string, ops []op) try {
	return try{name, func(ctx context.Context) error { return r.patch(ctx, ops, true, nil, name) }}
}

func (r *run) podProbes() []try {
	return []try{
		{OwnChange, func(ctx context.Context) error { return r.remove(ctx, true, true) }},
		{"delete-without-uid", func(ctx context.Context) error { return r.remove(ctx, true, false) }},
		{"labels", func(ctx context.Context) error {
			return r.patch(ctx, []op{{"add", "/metadata/labels", map[string]string{"countersign-probe": "x"}}}, true, nil)
		}},
		r.subresource("status", []op{{"add", "/status/message", "countersign-probe"}}),
		{"evict", func(ctx context.Context) error {
			target := r.order.Terms.Action.Target
			eviction := object("policy/v1", "Eviction", target.Name)
			eviction.Object["deleteOptions"] = map[string]any{"dryRun": []any{metav1.DryRunAll}}
			return r.create(ctx, "pods", eviction, "eviction")
		}},
	}
}

// commonProbes make new objects, which no executor may.
func (r *run) commonProbes() []try {
	return []try{
		{"create-pod", func(ctx context.Context) error {
			pod := object("v1", "Pod", "countersign-probe")
			pod.Object["spec"] = map[string]any{"containers": []any{map[string]any{"name": "probe", "image": "countersign.invalid/probe"}}}
			return r.create(ctx, "pods", pod)
		}},
		{"token", func(ctx context.Context) error {
			return r.create(ctx, "serviceaccounts", object("authentication.k8s.io/v1", "TokenRequest", "default"), "token")
		}},
	}
}

func object(apiVersion, kind, name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name},
	}}
}

func (r *run) create(ctx context.Context, plural string, obj *unstructured.Unstructured, subresources ...string) error {
	namespace := r.order.Terms.Action.Target.Namespace
	obj.SetNamespace(namespace)
	_, err := r.cfg.Client.Resource(gvrOf("", "v1", plural)).Namespace(namespace).
		Create(ctx, obj, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: FieldManager}, subresources...)
	return err
}
