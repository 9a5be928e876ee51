package doctor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
)

// objects are what executors are probed on, as they are in the cluster now.
type objects struct {
	deployment *appsv1.Deployment
	sets       []appsv1.ReplicaSet
	pods       []corev1.Pod
}

// readObjects reads them live. What is absent is left empty: each action says
// what it lacks.
func readObjects(ctx context.Context, client kubernetes.Interface, namespace string) (o objects, err error) {
	o.deployment, err = client.AppsV1().Deployments(namespace).Get(ctx, admission.ProbeName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		o.deployment, err = nil, nil
	}
	if err != nil {
		return objects{}, fmt.Errorf("read the Deployment for probes: %w", err)
	}
	sets, err := client.AppsV1().ReplicaSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return objects{}, fmt.Errorf("list the ReplicaSets for probes: %w", err)
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: admission.ProbePodLabel + "=" + admission.ProbePod})
	if err != nil {
		return objects{}, fmt.Errorf("list the pods for probes: %w", err)
	}
	o.sets, o.pods = sets.Items, pods.Items
	return o, nil
}

const revisionNote = "deployment.kubernetes.io/revision"

// revision finds the Deployment's own ReplicaSet that is wanted.
func (o objects) revision(wanted func(*appsv1.ReplicaSet) bool) (action.Pinned, int64, bool) {
	for i := range o.sets {
		rs := &o.sets[i]
		number, err := strconv.ParseInt(rs.Annotations[revisionNote], 10, 64)
		if err == nil && metav1.IsControlledBy(rs, o.deployment) && wanted(rs) {
			return action.Pinned{ReplicaSet: rs.Name, UID: string(rs.UID)}, number, true
		}
	}
	return action.Pinned{}, 0, false
}

// lacking says in a few words what of the objects an action has to do without.
type lacking string

func (l lacking) Error() string { return string(l) }

// actionOf is the change that the account of a kind is for, on these objects. It
// is dry-run only, beside what must be refused.
func (o objects) actionOf(kind action.Kind, now time.Time) (action.Action, error) {
	if kind == action.DeletePod {
		for i := range o.pods {
			if p := &o.pods[i]; p.DeletionTimestamp == nil && metav1.GetControllerOf(p) != nil {
				target := action.Ref{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
				return action.Action{Kind: kind, Target: target, Params: action.Params{DeletePod: &action.DeletePodParams{}}}, nil
			}
		}
		return action.Action{}, lacking("the pod for probes is missing")
	}
	d := o.deployment
	if d == nil || d.DeletionTimestamp != nil {
		return action.Action{}, lacking("the Deployment for probes is missing")
	}
	if c := d.Spec.Template.Spec.Containers; len(c) != 1 || c[0].Image != admission.ProbeImage {
		return action.Action{}, lacking("the Deployment for probes is not the one that this version installs")
	}
	a := action.Action{Kind: kind, Target: action.Ref{
		APIVersion: "apps/v1", Kind: "Deployment", Namespace: d.Namespace, Name: d.Name, UID: string(d.UID),
	}}
	earlier, to, adopted := o.revision(func(rs *appsv1.ReplicaSet) bool { return rs.Name == admission.ProbeBefore })
	current, from, rolled := o.revision(func(rs *appsv1.ReplicaSet) bool { return rs.Annotations[revisionNote] == d.Annotations[revisionNote] })
	if !adopted || !rolled || to == from {
		return action.Action{}, lacking("the Deployment for probes has no earlier revision")
	}
	switch kind {
	case action.Restart:
		a.Params.Restart = &action.RestartParams{At: now.UTC().Truncate(time.Second).Format(time.RFC3339)}
	case action.Rollback:
		a.Params.Rollback = &action.RollbackParams{ToRevision: to, FromRevision: from, To: earlier, From: current}
	case action.SetImage:
		a.Params.SetImage = &action.SetImageParams{Container: admission.ProbeName, From: admission.ProbeImage, To: admission.ProbeImageBefore}
	case action.SetResources:
		a.Params.SetResources = &action.SetResourcesParams{Container: admission.ProbeName, FromMemoryLimit: admission.ProbeMemory, ToMemoryLimit: twiceProbeMemory}
	default:
		return action.Action{}, lacking("there is no probe for " + string(kind))
	}
	return a, nil
}

// twiceProbeMemory is the most that set-resources may ask for.
const twiceProbeMemory = "32Mi"
