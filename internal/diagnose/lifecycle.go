package diagnose

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Chosen reports a state that somebody may have wanted: it is told to those who
// ask and never announced. Its rules stand last, so that nothing else is wrong
// with the subject then.
func (f Finding) Chosen() bool {
	switch f.Diagnosis.Cause {
	case incident.RolloutPaused, incident.CronJobSuspended, incident.HPAMaxedOut:
		return true
	default:
		return false
	}
}

// rolloutFaults says whether a change waits because somebody paused the rollout.
// A paused Deployment that runs what its template says lacks nothing.
func (l *look) rolloutFaults(d *appsv1.Deployment) []kube.Symptom {
	if !d.Spec.Paused || d.DeletionTimestamp != nil || d.Status.ObservedGeneration < d.Generation || !l.changeWaits(d) {
		return nil
	}
	since := d.CreationTimestamp.Time
	for i := range d.Status.Conditions {
		c := &d.Status.Conditions[i]
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return nil // what runs is refused its pods; that is told
		case c.Type == appsv1.DeploymentProgressing && c.Reason == "DeploymentPaused":
			since = c.LastUpdateTime.Time
		}
	}
	return []kube.Symptom{{
		Kind: kube.Suspended, Class: "paused", Since: since, Message: "the rollout is paused (spec.paused) and a change of the pod template waits",
	}}
}

// changeWaits reports whether pods of an older template run, or no ReplicaSet
// was made for the present one.
func (l *look) changeWaits(d *appsv1.Deployment) bool {
	if d.Status.Replicas > d.Status.UpdatedReplicas {
		return true
	}
	if l.x.ReplicaSets == nil {
		return false
	}
	for _, rs := range l.x.RevisionsOf(d) {
		made := rs.Spec.Template.DeepCopy()
		delete(made.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
		if equality.Semantic.DeepEqual(made, &d.Spec.Template) {
			return false
		}
	}
	return true
}

// cronFaults says whether somebody suspended a CronJob.
func (l *look) cronFaults(c *batchv1.CronJob) []kube.Symptom {
	if c.DeletionTimestamp != nil || c.Spec.Suspend == nil || !*c.Spec.Suspend {
		return nil
	}
	// Nothing says since when. The last run is the last moment at which it was not.
	since := c.CreationTimestamp.Time
	if c.Status.LastScheduleTime != nil {
		since = c.Status.LastScheduleTime.Time
	}
	return []kube.Symptom{{Kind: kube.Suspended, Class: "suspended", Since: since, Message: "spec.suspend is true"}}
}

// proveSuspended says what somebody has halted. It proves no fault.
func proveSuspended(l *look, f fault) (proof, bool) {
	switch f.symptom.Class {
	case "paused":
		return proof{
			cause:   incident.RolloutPaused,
			summary: redact.Sprintf("the rollout of %s is paused: the last change of its pods waits until somebody resumes it", refText(l.subject)),
		}, true
	case "suspended":
		return proof{
			cause:   incident.CronJobSuspended,
			summary: redact.Sprintf("%s is suspended: it starts no Jobs until somebody resumes it", refText(l.subject)),
		}, true
	}
	return proof{}, false
}
