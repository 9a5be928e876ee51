package diagnose

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// asks gives every pod of a case a request, those that wait another one.
func asks(running, waiting string) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			q := running
			if p.Spec.NodeName == "" {
				q = waiting
			}
			p.Spec.Containers[0].Ports = nil
			p.Spec.Containers[0].Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse(q)}
		}
	}
}

func TestARolloutIsDeadlockedOnlyWhereItsOwnPodsHoldThePlace(t *testing.T) {
	const port = "rollout-deadlocked-host-port"
	const full = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause
	}{
		{"the old pod holds the port", port, nil, incident.RolloutDeadlocked},
		{"another workload's pod holds the port", port, func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				if p.Spec.NodeName != "" {
					p.Spec.Containers[0].Ports[0].HostPort++
				}
			}
		}, incident.HostPortConflict},
		{"an old pod may go", port, func(s *kube.Snapshot) {
			one := intstr.FromInt32(1)
			s.Deployments[0].Spec.Strategy.RollingUpdate.MaxUnavailable = &one
		}, incident.HostPortConflict},
		{"old pods go first", port, func(s *kube.Snapshot) {
			s.Deployments[0].Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
		}, incident.HostPortConflict},
		{"the old pod is going", port, func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				if p.Spec.NodeName != "" {
					p.DeletionTimestamp = &p.CreationTimestamp
				}
			}
		}, incident.HostPortConflict},
		{"the new pod fits no node anyway", port, func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				if p.Spec.NodeName == "" {
					p.Spec.NodeSelector = map[string]string{"disk": "ssd"}
				}
			}
		}, incident.HostPortConflict},
		{"the old pod holds the room", port, func(s *kube.Snapshot) {
			asks("800m", "800m")(s)
			refused(full, func(*corev1.Node) {})(s)
		}, incident.RolloutDeadlocked},
		{"the new pod asks for more than the old one", port, func(s *kube.Snapshot) {
			asks("100m", "64")(s)
			refused(full, func(*corev1.Node) {})(s)
		}, incident.InsufficientCPU},
		{"a node is coming", port, func(s *kube.Snapshot) {
			for _, p := range s.Pods {
				s.Events = append(s.Events, kube.Event{Object: kube.RefOf(p), Reason: "TriggeredScaleUp", Count: 1, First: s.Taken, Last: s.Taken, Source: "cluster-autoscaler"})
			}
		}, incident.HostPortConflict},
		{"as many replicas as nodes", "rollout-deadlocked-anti-affinity", nil, incident.RolloutDeadlocked},
		{"another pod is shunned on the same node", "rollout-deadlocked-anti-affinity", func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID, p.OwnerReferences, p.Spec.NodeName = "web-by-hand", "u2", nil, s.Nodes[0].Name
			s.Pods = append(s.Pods, p)
		}, incident.PodAntiAffinity},
		{"the quota has no room for the replicas either", "rollout-deadlocked-quota", func(s *kube.Snapshot) {
			s.Deployments[0].Status.AvailableReplicas--
		}, incident.QuotaExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			if f.Diagnosis.Cause != c.cause {
				t.Errorf("want %s, have %s", c.cause, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestPercentagesAreRoundedAsTheControllerDoes(t *testing.T) {
	for _, c := range []struct {
		replicas           int32
		surge, unavailable string
		none               bool
	}{
		{1, "25%", "25%", true}, {3, "25%", "25%", true}, {4, "25%", "25%", false}, {1, "0", "0", false}, {2, "1", "0", true}, {2, "x", "0", false}, {0, "1", "0", false},
	} {
		s, u := intstr.Parse(c.surge), intstr.Parse(c.unavailable)
		d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &c.replicas, Strategy: appsv1.DeploymentStrategy{
			RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &s, MaxUnavailable: &u},
		}}, Status: appsv1.DeploymentStatus{AvailableReplicas: c.replicas}}
		if mayDropNone(d) != c.none {
			t.Errorf("%d replicas, surge %s, unavailable %s: want %t", c.replicas, c.surge, c.unavailable, c.none)
		}
	}
}
