package diagnose

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// refused gives the pods that wait for a node another answer of the scheduler.
func refused(message string, change func(*corev1.Node)) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		for _, p := range s.Pods {
			for i := range p.Status.Conditions {
				if c := &p.Status.Conditions[i]; c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
					c.Message = message
				}
			}
		}
		change(s.Nodes[0])
	}
}

// condition sets a condition of a node, as it stands for ten minutes.
func condition(s *kube.Snapshot, kind corev1.NodeConditionType, status corev1.ConditionStatus) {
	for i := range s.Nodes[0].Status.Conditions {
		if c := &s.Nodes[0].Status.Conditions[i]; c.Type == kind {
			c.Status, c.LastTransitionTime.Time = status, s.Taken.Add(-10*time.Minute)
		}
	}
}

func TestNodesAreBlamedBeforePods(t *testing.T) {
	taint := func(key, value string) func(*corev1.Node) {
		return func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}, {Key: key, Value: value, Effect: corev1.TaintEffectNoSchedule}}
		}
	}
	const untolerated = "0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/1 nodes are available"
	for _, c := range []struct {
		name, from string
		change     func(*kube.Snapshot)
		cause      incident.Cause
		root, says string
	}{
		{"a taint that somebody set", "insufficient-memory", refused(untolerated, taint("dedicated", "gpu")), incident.TaintNotTolerated, "Deployment/web", "dedicated=gpu:NoSchedule"},
		{"a taint that a lost node carries", "insufficient-memory", refused(untolerated, tainted(corev1.TaintNodeNotReady)), incident.NodeNotReady, "Node/node1", "node1"},
		{"a taint that a full disk brings", "insufficient-memory", refused(untolerated, tainted(corev1.TaintNodeDiskPressure)), incident.NodeDiskPressure, "Node/node1", "node1"},
		{"a cordoned node", "insufficient-memory", refused("0/1 nodes are available: 1 node(s) were unschedulable.", func(n *corev1.Node) { n.Spec.Unschedulable = true }), incident.NodeCordoned, "Node/node1", "cordoned"},
		{"a pod on a lost node", "readiness-probe-failing", func(s *kube.Snapshot) { condition(s, corev1.NodeReady, corev1.ConditionUnknown) }, incident.NodeNotReady, "Node/node1", "is not ready"},
		{"an evicted pod on a full node", "healthy", func(s *kube.Snapshot) {
			condition(s, corev1.NodeMemoryPressure, corev1.ConditionTrue)
			s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
		}, incident.NodeMemoryPressure, "Node/node1", "evicted"},
		{"an evicted pod, the node is well again", "healthy", func(s *kube.Snapshot) {
			s.Pods[0].Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
		}, incident.PodEvicted, "Deployment/web", "low on resource"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, c.from, c.change)
			d := f.Diagnosis
			if d.Cause != c.cause || d.Root.String() != c.root || !strings.Contains(d.Summary.String(), c.says) {
				t.Errorf("want %s with root %s, have %s", c.cause, c.root, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestALostNodeIsASubjectOfItsOwn(t *testing.T) {
	_, s := readCapture(t, "testdata/healthy")
	condition(s, corev1.NodeReady, corev1.ConditionFalse)
	found := All(s, Options{Now: s.Taken})
	if len(found) != 1 || found[0].Subject.String() != "Node/node1" || found[0].Diagnosis.Cause != incident.NodeNotReady || found[0].Settling {
		t.Fatalf("have %v", found)
	}
	f := Diagnose(s, action.Ref{Kind: "Node", Name: "node1"}, Options{Now: s.Taken})
	if f.Diagnosis.Cause != incident.NodeNotReady {
		t.Errorf("have %s", describe(f))
	}
}

func TestSignalsNameEachSymptomOfASubjectOnce(t *testing.T) {
	_, s := readCapture(t, "testdata/image-not-found")
	signals := Subjects(s, s.Taken)
	if len(signals) != 1 {
		t.Fatalf("want one signal, have %v", signals)
	}
	got := signals[0]
	if got.Symptom != incident.SymptomImagePull || got.Subject.String() != "Deployment/web" || got.Object.Kind != "Pod" || got.Subject.UID == "" || got.Since.IsZero() || got.Message.IsEmpty() {
		t.Errorf("have %+v", got)
	}
}
