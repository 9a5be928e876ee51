package diagnose

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// revision is one state of a workload's pod template, as its controller keeps
// them for rollbacks.
type revision struct {
	number   int64
	made     time.Time // not when it was rolled out again later
	template *corev1.PodTemplateSpec
	set      *appsv1.ReplicaSet // nil but for Deployments
	origin   string             // see kube.Origin
}

// revisionsOf lists what a workload was, oldest first, and last what it is; nil
// where that is not known.
func (l *look) revisionsOf(obj metav1.Object) []revision {
	var out []revision
	switch o := obj.(type) {
	case *appsv1.Deployment:
		current := l.currentSetOf(o)
		for _, rs := range l.x.RevisionsOf(o) {
			if n := kube.Revision(rs); current != nil && n > 0 && n <= kube.Revision(current) || rs == current {
				out = append(out, revision{number: n, made: rs.CreationTimestamp.Time, template: &rs.Spec.Template, set: rs, origin: kube.Origin(rs)})
			}
		}
	case *appsv1.StatefulSet, *appsv1.DaemonSet:
		// Their controllers number a revision anew that they take up again, so
		// that the highest number is what the spec says now.
		for _, r := range l.x.ControllerRevisionsOf(obj) {
			if t := kube.RevisionTemplate(r); t != nil {
				out = append(out, revision{number: r.Revision, made: r.CreationTimestamp.Time, template: t, origin: kube.Origin(r)})
			}
		}
	}
	return out
}

// currentSetOf is the ReplicaSet of a Deployment's present template.
func (l *look) currentSetOf(d *appsv1.Deployment) *appsv1.ReplicaSet {
	sets := l.x.RevisionsOf(d)
	for _, rs := range sets {
		if kube.Revision(rs) == kube.Revision(d) && kube.Revision(d) > 0 {
			return rs
		}
	}
	if len(sets) == 0 {
		return nil
	}
	return sets[len(sets)-1]
}

// writeSlack is how far a controller's own time may lie from that of the write
// which it answers to: the cluster's record has whole seconds.
const writeSlack = 5 * time.Second

// rolledOut is when the last of the revisions was rolled out, and by whom the
// template was written, where the API server's record tells.
func rolledOut(obj metav1.Object, revisions []revision) (at time.Time, by redact.Text) {
	current := revisions[len(revisions)-1]
	at = current.made
	again := false // an old revision was taken up again: its age says nothing
	for _, older := range revisions[:len(revisions)-1] {
		again = again || older.made.After(at)
	}
	for _, w := range kube.Writes(obj) {
		if !w.Owns("spec.template") {
			continue
		}
		if again {
			return w.At, text(w.Manager)
		}
		if gap := at.Sub(w.At); gap >= -writeSlack && gap <= writeSlack {
			return at, text(w.Manager)
		}
	}
	if d, ok := obj.(*appsv1.Deployment); ok && again {
		for i := range d.Status.Conditions {
			if p := &d.Status.Conditions[i]; p.Type == appsv1.DeploymentProgressing && p.LastUpdateTime.After(at) {
				at = p.LastUpdateTime.Time
			}
		}
	}
	return at, redact.Text{}
}
