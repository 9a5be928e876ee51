package diagnose

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// SeverityLabel on a workload, or on its namespace, says how bad its faults are:
// critical, warning or info. The workload's own label wins.
const SeverityLabel = "countersign.dev/severity"

// severity is how bad a fault is, by its cause, the replicas that serve and what
// its owner says of it. desired is 0 where nothing is meant to serve.
func severity(c incident.Cause, ready, desired int, label string) incident.Severity {
	switch said := incident.Severity(label); said {
	case incident.Critical, incident.Warning, incident.Info:
		return said
	}
	switch c {
	case incident.NodeNotReady, incident.ServiceSelectorMismatch, incident.ServicePortMismatch:
		return incident.Critical // a node is lost, or nobody is reached
	case incident.RolloutPaused, incident.CronJobSuspended, incident.HPAMaxedOut, incident.PodEvicted, incident.CPUThrottled:
		if desired == 0 || ready > 0 {
			return incident.Info
		}
	default:
	}
	if desired > 0 && ready == 0 {
		return incident.Critical
	}
	return incident.Warning
}

// severity is that of a cause found on the subject.
func (l *look) severity(c incident.Cause) incident.Severity {
	ready, desired := l.replicas()
	switch l.top.(type) {
	case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.ReplicaSet, *appsv1.DaemonSet, *corev1.Pod:
	default:
		desired = 0 // a Job serves nobody
	}
	label := l.top.GetLabels()[SeverityLabel]
	if ns := l.x.Object(kube.Key("Namespace", "", l.subject.Namespace)); label == "" && ns != nil {
		label = ns.GetLabels()[SeverityLabel]
	}
	return severity(c, ready, desired, label)
}
