package watch

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/countersign-dev/countersign/internal/kube"
)

// telling is a pod worth reading the logs of, and which of its containers.
type telling struct {
	pod        *corev1.Pod
	containers []string // empty: none that has a log
}

// failingPods picks one pod per owner and finding, the youngest first, at most
// limit. Ten thousand pods with one fault are one pod to read.
func (g *gather) failingPods(limit int) []telling {
	type finding struct {
		owner  owner
		kind   kube.SymptomKind
		where  string
		orphan string
	}
	x := g.snap.Index()
	seen := map[finding]bool{}
	var out []telling
	for _, p := range youngest(slices.Clone(g.snap.Pods), len(g.snap.Pods)) {
		if len(out) == limit {
			break
		}
		found, _ := kube.PodSymptoms(p, x.EventsOf(kube.RefOf(p)), g.snap.Taken)
		if len(found) == 0 {
			found = kube.EarlySymptoms(p, g.snap.Taken)
		}
		t := telling{pod: p}
		fresh := false
		for _, s := range found {
			f := finding{owner: controller(p), kind: s.Kind, where: tag(kube.Symptom{Container: s.Container, Class: s.Class})}
			if f.owner.none() {
				f.orphan = string(p.UID)
			}
			fresh = fresh || !seen[f]
			seen[f] = true
			name := s.Container
			if c := kube.WaitingInit(p); c != nil && s.Kind == kube.Pending {
				name = c.Name // the pod as a whole waits: for this one
			}
			if name != "" && !slices.Contains(t.containers, name) {
				t.containers = append(t.containers, name)
			}
		}
		if fresh {
			out = append(out, t)
		}
	}
	return g.failedJobs(out, limit)
}

// failedJobs adds the youngest failed pod of each failed Job: the symptoms leave
// these pods to their Job, and nobody else would read their logs. They come last,
// because a namespace may keep many Jobs that failed long ago.
func (g *gather) failedJobs(out []telling, limit int) []telling {
	failed, read := map[types.UID]bool{}, map[types.UID]bool{}
	for _, j := range g.snap.Jobs {
		if len(kube.JobSymptoms(j)) > 0 {
			failed[j.UID] = true
		}
	}
	for _, t := range out {
		read[t.pod.UID] = true
	}
	for _, p := range youngest(slices.Clone(g.snap.Pods), len(g.snap.Pods)) {
		if len(out) >= limit || len(failed) == 0 {
			break
		}
		by := metav1.GetControllerOfNoCopy(p)
		if by == nil || !failed[by.UID] || p.Status.Phase != corev1.PodFailed {
			continue
		}
		t := telling{pod: p, containers: endedBadly(p)}
		if len(t.containers) == 0 {
			continue // it was sent away before it said anything
		}
		delete(failed, by.UID)
		if !read[p.UID] {
			out = append(out, t)
		}
	}
	return out
}

func endedBadly(p *corev1.Pod) []string {
	var out []string
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for i := range list {
			if t := list[i].State.Terminated; t != nil && t.ExitCode != 0 {
				out = append(out, list[i].Name)
			}
		}
	}
	return out
}

// anyPod picks the pod that says most where none fails: one that is not ready,
// else the youngest.
func (g *gather) anyPod() []telling {
	pods := youngest(slices.Clone(g.snap.Pods), len(g.snap.Pods))
	if len(pods) == 0 {
		return nil
	}
	p := pods[0]
	if i := slices.IndexFunc(pods, startingOrUnready); i >= 0 {
		p = pods[i]
	}
	t := telling{pod: p}
	for i := range p.Spec.Containers {
		t.containers = append(t.containers, p.Spec.Containers[i].Name)
	}
	return []telling{t}
}

// youngest sorts list by age and returns the n youngest.
func youngest[T metav1.Object](list []T, n int) []T {
	slices.SortStableFunc(list, func(a, b T) int {
		return cmp.Or(b.GetCreationTimestamp().Compare(a.GetCreationTimestamp().Time), cmp.Compare(a.GetName(), b.GetName()))
	})
	return list[:min(n, len(list))]
}

// nodesOf reads the nodes that matter: all of them where a pod finds no place,
// else those on which failing pods are.
func (g *gather) nodesOf(ctx context.Context) {
	names := map[string]bool{}
	for _, p := range g.snap.Pods {
		switch {
		case p.Spec.NodeName == "" && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending:
			g.nodes(ctx)
			return
		case p.Spec.NodeName != "" && len(names) < 5:
			names[p.Spec.NodeName] = true
		}
	}
	for name := range names {
		g.do(func() {
			if o, ok := get(ctx, g, g.c.cfg.Client.CoreV1().Nodes(), "Node", "", name); ok {
				g.addOnce(o)
			}
		})
	}
}
