package kube

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// DeploymentSymptoms says whether a rollout is stuck.
func DeploymentSymptoms(d *appsv1.Deployment) []Symptom {
	if d.DeletionTimestamp != nil || d.Status.ObservedGeneration < d.Generation {
		return nil
	}
	l := &look{}
	for i := range d.Status.Conditions {
		c := &d.Status.Conditions[i]
		switch {
		case c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse &&
			c.Reason == "ProgressDeadlineExceeded" && !d.Spec.Paused:
			l.add(RolloutStuck, "", "deadline", c.LastTransitionTime.Time, c.Message)
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			l.add(RolloutStuck, "", "create", c.LastTransitionTime.Time, c.Message)
		}
	}
	found, _ := l.done()
	return found
}

// JobSymptoms says whether a Job has failed for good.
func JobSymptoms(j *batchv1.Job) []Symptom {
	if j.DeletionTimestamp != nil {
		return nil
	}
	for i := range j.Status.Conditions {
		c := &j.Status.Conditions[i]
		if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			return []Symptom{{Kind: JobFailed, Class: c.Reason, Since: c.LastTransitionTime.Time, Message: c.Message}}
		}
	}
	return nil
}

// NodeSymptoms says whether a node is lost or short of something.
func NodeSymptoms(n *corev1.Node) []Symptom {
	if n.DeletionTimestamp != nil {
		return nil
	}
	l := &look{}
	for i := range n.Status.Conditions {
		c := &n.Status.Conditions[i]
		switch c.Type {
		case corev1.NodeReady:
			if c.Status != corev1.ConditionTrue {
				l.add(NodeNotReady, "", "", c.LastTransitionTime.Time, c.Message)
			}
		case corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure:
			if c.Status == corev1.ConditionTrue {
				l.add(NodePressure, "", string(c.Type), c.LastTransitionTime.Time, c.Message)
			}
		default: // the network is the business of its own add-on
		}
	}
	found, _ := l.done()
	return found
}

// CreateSymptoms says whether a controller is refused its pods: nothing but an
// event on the controller shows it. Deployments have a condition for it.
func CreateSymptoms(events []Event, now time.Time) (found []Symptom, again time.Time) {
	l := &look{now: now}
	var last *Event
	for i := range events {
		if e := &events[i]; e.Reason == "FailedCreate" && (last == nil || e.Last.After(last.Last)) {
			last = e
		}
	}
	if last != nil && !l.past(last.Last.Add(EventAge)) {
		l.add(RolloutStuck, "", "create", last.First, last.Message.String())
	}
	return l.done()
}
