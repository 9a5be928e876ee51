package kube

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
)

// podsPerOwner is how many pods of one owner a snapshot keeps that is too large
// with all of them; those that are not ready come first.
const podsPerOwner = 6

// fewerPods leaves pods out, with what is said of them.
func fewerPods(w *saved) {
	rank := func(p *corev1.Pod) int {
		for i := range p.Status.Conditions {
			if c := &p.Status.Conditions[i]; c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				return 1
			}
		}
		return 0
	}
	pods := slices.Clone(w.Pods)
	slices.SortStableFunc(pods, func(a, b *corev1.Pod) int { return rank(a) - rank(b) })
	seen, gone := map[string]int{}, map[string]bool{}
	w.Pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool {
		owner := p.Name
		if c := metav1.GetControllerOf(p); c != nil {
			owner = string(c.UID)
		}
		seen[owner]++
		gone[p.Name] = seen[owner] > podsPerOwner
		return gone[p.Name]
	})
	w.Events = slices.DeleteFunc(w.Events, func(e savedEvent) bool { return e.Object.Kind == "Pod" && gone[e.Object.Name] })
	w.Logs = slices.DeleteFunc(w.Logs, func(l savedLog) bool { return gone[l.Pod.Name] })
	w.Usage = slices.DeleteFunc(w.Usage, func(u savedUsage) bool { return gone[u.Pod.Name] })
}

// related leaves out the workloads, Services and Ingresses of the namespace that
// neither the objects named nor anything about their pods mentions.
func related(w *saved, about []action.Ref) {
	own, err := yaml.Marshal(struct {
		Pods   []*corev1.Pod
		Events []savedEvent
		Logs   []savedLog
		About  []action.Ref
	}{w.Pods, w.Events, w.Logs, about})
	if err != nil {
		return
	}
	said := string(own)
	w.Deployments = mentioned(w.Deployments, said)
	w.StatefulSets = mentioned(w.StatefulSets, said)
	w.DaemonSets = mentioned(w.DaemonSets, said)
	w.ReplicaSets = mentioned(w.ReplicaSets, said)
	w.Revisions = mentioned(w.Revisions, said)
	w.Jobs = mentioned(w.Jobs, said)
	w.CronJobs = mentioned(w.CronJobs, said)
	w.Services = mentioned(w.Services, said)
	w.Ingresses = mentioned(w.Ingresses, said)
	w.Nodes = mentioned(w.Nodes, said)
}

func mentioned[T metav1.Object](list []T, said string) []T {
	return slices.DeleteFunc(list, func(o T) bool { return !strings.Contains(said, o.GetName()) })
}

// whole checks that a file that people may have edited has no holes in it: rules
// do not expect an object that is nil.
func (w *saved) whole() error {
	for _, hole := range []bool{
		slices.Contains(w.Pods, nil), slices.Contains(w.ReplicaSets, nil), slices.Contains(w.Revisions, nil), slices.Contains(w.Deployments, nil),
		slices.Contains(w.StatefulSets, nil), slices.Contains(w.DaemonSets, nil), slices.Contains(w.Jobs, nil),
		slices.Contains(w.CronJobs, nil), slices.Contains(w.Nodes, nil), slices.Contains(w.Namespaces, nil),
		slices.Contains(w.Services, nil), slices.Contains(w.EndpointSlices, nil), slices.Contains(w.Claims, nil),
		slices.Contains(w.StorageClasses, nil), slices.Contains(w.ServiceAccounts, nil), slices.Contains(w.Autoscalers, nil),
		slices.Contains(w.Budgets, nil), slices.Contains(w.Quotas, nil), slices.Contains(w.Limits, nil),
		slices.Contains(w.Ingresses, nil), slices.Contains(w.IngressClasses, nil), slices.Contains(w.NetworkPolicies, nil),
		slices.Contains(w.ValidatingWebhooks, nil), slices.Contains(w.MutatingWebhooks, nil),
	} {
		if hole {
			return errors.New("decode snapshot: a list holds an object that is null")
		}
	}
	return nil
}
