package diagnose

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// clusterOf gives a case other nodes and the scheduler's answer about them.
func clusterOf(message string, nodes ...*corev1.Node) func(*kube.Snapshot) {
	return func(s *kube.Snapshot) {
		s.Nodes = nodes
		refused(message, func(*corev1.Node) {})(s)
	}
}

func node(name string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("u-" + name), Labels: map[string]string{corev1.LabelHostname: name}}}
	if change != nil {
		change(n)
	}
	return n
}

func isCordoned(n *corev1.Node) {
	n.Spec.Unschedulable = true
	n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
}

func tainted(key string) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: key, Effect: corev1.TaintEffectNoSchedule}} }
}

func TestANodeIsBlamedWhereOnlyItWouldFit(t *testing.T) {
	const from = "insufficient-memory"
	ssd := func(n *corev1.Node) { n.Labels["disk"] = "ssd" }
	wantsSSD := func(change func(*kube.Snapshot)) func(*kube.Snapshot) {
		return func(s *kube.Snapshot) {
			change(s)
			for _, p := range s.Pods {
				p.Spec.NodeSelector = map[string]string{"disk": "ssd"}
			}
		}
	}
	for _, c := range []struct {
		name   string
		change func(*kube.Snapshot)
		cause  incident.Cause
		root   string
	}{
		{"the only worker is cordoned", clusterOf("0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.",
			node("control", tainted("node-role.kubernetes.io/control-plane")), node("worker", isCordoned)), incident.NodeCordoned, "Node/worker"},
		{"the only node with the label is cordoned", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
			node("n1", nil), node("n2", func(n *corev1.Node) { ssd(n); isCordoned(n) }))), incident.NodeCordoned, "Node/n2"},
		{"no node has the label, one is cordoned", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
			node("n1", nil), node("n2", isCordoned))), incident.NodeSelectorMismatch, "Deployment/web"},
		{"the other nodes are full", clusterOf("0/2 nodes are available: 1 Insufficient memory, 1 node(s) were unschedulable.",
			node("n1", nil), node("n2", isCordoned)), incident.InsufficientMemory, "Deployment/web"},
		{"the cordoned node is for others", clusterOf("0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.",
			node("n1", tainted("dedicated")), node("n2", func(n *corev1.Node) { tainted("gpu")(n); isCordoned(n) })), incident.TaintNotTolerated, "Deployment/web"},
		{"the scheduler has not seen the cordon", clusterOf("0/2 nodes are available: 2 node(s) had untolerated taint(s).",
			node("n1", tainted("dedicated")), node("n2", isCordoned)), incident.TaintNotTolerated, "Deployment/web"},
		{"the cordon is over", clusterOf("0/1 nodes are available: 1 node(s) were unschedulable.", node("n1", nil)), incident.Unknown, "Deployment/web"},
		{"a well node has come since", clusterOf("0/2 nodes are available: 2 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", tainted(corev1.TaintNodeDiskPressure))), incident.Unknown, "Deployment/web"},
		{"the only worker is lost", clusterOf("0/2 nodes are available: 2 node(s) had untolerated taint(s).",
			node("control", tainted("node-role.kubernetes.io/control-plane")), node("worker", tainted(corev1.TaintNodeNotReady))), incident.NodeNotReady, "Node/worker"},
		{"the only node with the label has a full disk", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", func(n *corev1.Node) { tainted(corev1.TaintNodeDiskPressure)(n); ssd(n) }))), incident.NodeDiskPressure, "Node/n2"},
		{"the only node with the label is lost", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", func(n *corev1.Node) { tainted(corev1.TaintNodeUnreachable)(n); ssd(n) }))), incident.NodeNotReady, "Node/n2"},
		{"the only node with the label is lost and cordoned", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
			node("n1", nil), node("n2", func(n *corev1.Node) { tainted(corev1.TaintNodeUnreachable)(n); isCordoned(n); ssd(n) }))), incident.NodeNotReady, "Node/n2"},
		{"a full disk on a node without the label", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", tainted(corev1.TaintNodeDiskPressure)))), incident.NodeSelectorMismatch, "Deployment/web"},
		{"a full disk on a node for others", clusterOf("0/1 nodes are available: 1 node(s) had untolerated taint(s).",
			node("n1", func(n *corev1.Node) {
				tainted(corev1.TaintNodeDiskPressure)(n)
				n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: "dedicated", Effect: corev1.TaintEffectNoSchedule})
			})), incident.TaintNotTolerated, "Deployment/web"},
		{"a full disk, and well nodes that are full", clusterOf("0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", tainted(corev1.TaintNodeDiskPressure))), incident.InsufficientMemory, "Deployment/web"},
		{"the only node with the label is for others", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", func(n *corev1.Node) { tainted("gpu")(n); ssd(n) }))), incident.TaintNotTolerated, "Deployment/web"},
		{"a node was given the label since", wantsSSD(clusterOf("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
			node("n1", ssd))), incident.Unknown, "Deployment/web"},
		{"the disk has room again", wantsSSD(clusterOf("0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s).",
			node("n1", nil), node("n2", ssd))), incident.Unknown, "Deployment/web"},
		{"the taint is gone by now", clusterOf("0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.",
			node("n1", nil), node("n2", isCordoned)), incident.Unknown, "Deployment/web"},
		{"a reason that nobody here knows", clusterOf("0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't match pod affinity rules.", node("n1", nil), node("n2", nil)), incident.Unknown, "Deployment/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, from, c.change)
			if d := f.Diagnosis; d.Cause != c.cause || d.Root.String() != c.root {
				t.Errorf("want %s with root %s, have %s", c.cause, c.root, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestACordonIsSilentWhereNothingWaits(t *testing.T) {
	f := captured(t, "healthy", func(s *kube.Snapshot) { isCordoned(s.Nodes[0]) })
	if !f.Healthy {
		t.Errorf("have %s", describe(f))
	}
	_, s := readCapture(t, "testdata/healthy")
	isCordoned(s.Nodes[0])
	if found := All(s, Options{Now: s.Taken}); len(found) != 0 {
		t.Errorf("have %v", found)
	}
}

func TestNodesAdmitPodsByLabelsAndTaints(t *testing.T) {
	affinity := func(op corev1.NodeSelectorOperator, values ...string) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
				{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "zone", Operator: op, Values: values}}},
			}},
		}}}}
	}
	zoned := node("n1", func(n *corev1.Node) { n.Labels["zone"] = "a" })
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		node *corev1.Node
		want bool
	}{
		{"no demand", &corev1.Pod{}, zoned, true},
		{"in", affinity("In", "a", "b"), zoned, true},
		{"not in", affinity("NotIn", "a"), zoned, false},
		{"exists", affinity("Exists"), node("n2", nil), false},
		{"greater than what is no number", affinity("Gt", "x"), zoned, false},
		{"an operator of tomorrow", affinity("Near", "a"), zoned, false},
		{"a taint", &corev1.Pod{}, node("n2", tainted("dedicated")), false},
		{"a cordon is no matter of fit", &corev1.Pod{}, node("n2", isCordoned), true},
	} {
		if admits(c.pod, c.node) != c.want {
			t.Errorf("%s: want %t", c.name, c.want)
		}
	}
}
