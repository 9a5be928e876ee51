package diagnose

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// autoscaler gives the one of a case a single condition, as it stands for that
// long.
func autoscaler(kind autoscalingv2.HorizontalPodAutoscalerConditionType, status corev1.ConditionStatus, reason, message string, stands time.Duration) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		h := s.Autoscalers[0]
		h.Status.CurrentReplicas = h.Spec.MaxReplicas
		h.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{
			{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(s.Taken.Add(-stands))},
		}
	}
}

func TestAutoscalersAreReadByTheirConditions(t *testing.T) {
	const uncomputed = "the HPA was unable to compute the replica count: "
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause // empty: healthy
	}{
		{"no request to measure against", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingActive, "False", "FailedGetResourceMetric", uncomputed+"failed to get cpu utilization: missing request for cpu in container web of Pod web-1", 3*time.Minute), incident.HPAMetricsUnavailable},
		{"young pods have none yet", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingActive, "False", "FailedGetResourceMetric", uncomputed+"failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)", time.Minute), ""},
		{"pods that nobody looked at may be to blame", "hpa-target-missing",
			autoscaler(autoscalingv2.ScalingActive, "False", "FailedGetResourceMetric", uncomputed+"failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)", 3*time.Minute), incident.Unknown},
		{"the target rests", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingActive, "False", "ScalingDisabled", "scaling is disabled since the replica count of the target is zero", time.Hour), ""},
		{"the maximum, for long", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingLimited, "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count", time.Hour), incident.HPAMaxedOut},
		{"the maximum, at a peak", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingLimited, "True", "TooManyReplicas", "the desired replica count is more than the maximum replica count", 10*time.Second), ""},
		{"the minimum", "hpa-metrics-unavailable",
			autoscaler(autoscalingv2.ScalingLimited, "True", "TooFewReplicas", "the desired replica count is less than the minimum replica count", time.Hour), ""},
		{"an API server that refuses the controller", "hpa-target-missing",
			autoscaler(autoscalingv2.AbleToScale, "False", "FailedGetScale", `the HPA controller was unable to get the target's current scale: deployments.apps "web" is forbidden: User "x" cannot get`, time.Hour), incident.Unknown},
		{"a kind that does not exist", "hpa-target-missing",
			autoscaler(autoscalingv2.AbleToScale, "False", "FailedGetScale", `the HPA controller was unable to get the target's current scale: no matches for kind "Deploymnt" in group "apps"`, time.Hour), incident.HPATargetMissing},
		{"a target that is another's", "hpa-target-missing",
			autoscaler(autoscalingv2.AbleToScale, "False", "FailedGetScale", `the HPA controller was unable to get the target's current scale: deployments.apps "api" not found`, time.Hour), incident.Unknown},
		{"a target that was made since", "hpa-target-missing", func(s *kube.Snapshot) { s.Deployments[0].Name = "web" }, incident.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			if f.Diagnosis.Cause != c.cause || f.Healthy != (c.cause == "") {
				t.Errorf("want %q, have %s", c.cause, describe(f))
			}
			if f.Chosen() != (c.cause == incident.HPAMaxedOut) {
				t.Errorf("chosen: %t", f.Chosen())
			}
			if !f.Healthy {
				for _, problem := range sound(f) {
					t.Error(problem)
				}
			}
		})
	}
}

func TestAnAutoscalerIsSilentWhileItsPodsDoNotRun(t *testing.T) {
	f := captured(t, "hpa-metrics-unavailable", func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			for i := range p.Status.Conditions {
				if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady {
					c.Status = corev1.ConditionFalse
				}
			}
		}
	})
	if !f.Healthy {
		t.Errorf("the pods have a finding of their own: have %s", describe(f))
	}
}

// drained cordons the node of a case for that long.
func drained(stands time.Duration, change func(*kube.Snapshot)) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		at := metav1.NewTime(s.Taken.Add(-stands))
		n := s.Nodes[0]
		n.Spec.Unschedulable = true
		n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &at}}
		if change != nil {
			change(s)
		}
	}
}

func TestABudgetIsBlamedWhileADrainWaitsForIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*kube.Snapshot)
		cause  incident.Cause // empty: healthy
	}{
		{"a drain that waits", drained(10*time.Minute, nil), incident.PDBBlocksEviction},
		{"a drain that began", drained(20*time.Second, nil), ""},
		{"nobody drains", nil, ""},
		{"nobody drains, for an hour", func(s *kube.Snapshot) { s.Taken = s.Taken.Add(time.Hour) }, ""},
		{"the pods are elsewhere", drained(10*time.Minute, func(s *kube.Snapshot) { s.Pods[0].Spec.NodeName = "node2" }), ""},
		{"one pod may go", drained(10*time.Minute, func(s *kube.Snapshot) { s.Budgets[0].Status.DisruptionsAllowed = 1 }), ""},
		{"a pod that went is coming back elsewhere", drained(10*time.Minute, func(s *kube.Snapshot) { s.Budgets[0].Status.ExpectedPods++ }), ""},
		{"the pods are not well", drained(10*time.Minute, func(s *kube.Snapshot) { s.Budgets[0].Status.CurrentHealthy = 0 }), ""},
		{"a cordon without a drain: others could go and stay", drained(10*time.Minute, func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			p.Name, p.UID, p.Labels = "api-1", "u2", map[string]string{"app": "api"}
			s.Pods = append(s.Pods, p)
		}), ""},
		{"only a DaemonSet's pod stays beside it", drained(10*time.Minute, func(s *kube.Snapshot) {
			p := s.Pods[0].DeepCopy()
			yes := true
			p.Name, p.UID, p.Labels = "agent-1", "u2", map[string]string{"app": "agent"}
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", UID: "u3", Controller: &yes}}
			s.Pods = append(s.Pods, p)
		}), incident.PDBBlocksEviction},
		{"the budget is read anew", drained(10*time.Minute, func(s *kube.Snapshot) { s.Budgets[0].Generation++ }), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, "healthy-pdb", c.change)
			if f.Diagnosis.Cause != c.cause || f.Healthy != (c.cause == "") {
				t.Errorf("want %q, have %s", c.cause, describe(f))
			}
		})
	}
}
