package sizing

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// idle finds Deployments whose replicas all wait, and hold little: what fills
// memory is kept for somebody. Those of a StatefulSet are not
// alike, and those of a DaemonSet have their place on each node.
func (j *judge) idle(all []Use) {
	byWorkload := map[action.Ref][]Use{}
	for _, u := range all {
		if u.Workload.Kind == "Deployment" {
			byWorkload[u.Workload] = append(byWorkload[u.Workload], u)
		}
	}
	for w, list := range byWorkload {
		pods, each, busy := 0, Saving{}, false
		for _, u := range list {
			pods = max(pods, u.Pods)
			each = each.Add(Saving{CPUMilli: u.CPU.Request, Memory: u.Memory.Request})
			busy = busy || u.Sampled < u.Pods || u.peakCPU > idleCPU || 2*u.Memory.Used > max(u.Memory.Request, smallMemory)
		}
		if busy || pods < 2 {
			continue
		}
		f := about(list[0], ReplicasIdle, Note)
		f.Container = ""
		f.Saving = Saving{CPUMilli: times(each.CPUMilli, pods-1), Memory: times(each.Memory, pods-1)}
		f.Summary = redact.Sprintf("%s replicas wait: none was seen to use more than %s of processor time",
			redact.Int(int64(pods)), kube.CPU(idleCPU))
		f.Advice = []redact.Text{lookLonger(w)}
		if f.Basis.Long() {
			f.Advice = []redact.Text{j.fewer(w)}
		}
		j.add(f)
	}
}

// fewer is how a person scales a workload down.
func (j *judge) fewer(w action.Ref) redact.Text {
	ns := redact.Name(w.Namespace)
	if h := j.scaler(w); h != nil {
		return redact.Sprintf("lower minReplicas: kubectl edit hpa %s -n %s", redact.Name(h.Name), ns)
	}
	return redact.Sprintf("kubectl scale %s --replicas=1 -n %s; keep two where it has to outlive a node", ref(w), ns)
}

// claims finds bound claims that no pod mounts and no workload names. It says what it
// could not read instead, because a claim whose user is out of sight is in use.
func (j *judge) claims() (blind []redact.Text) {
	x := j.x
	if x.Claims == nil {
		return []redact.Text{redact.Literal("volume claims, which could not be read")}
	}
	if x.Deployments == nil || x.StatefulSets == nil || x.DaemonSets == nil || x.ReplicaSets == nil || x.Jobs == nil || x.CronJobs == nil {
		return []redact.Text{redact.Literal("whether volume claims are in use, because not every kind of workload could be read")}
	}
	used := j.mounted()
	for _, c := range x.Claims {
		r := kube.Key("PersistentVolumeClaim", c.Namespace, c.Name)
		if c.Status.Phase != corev1.ClaimBound || c.DeletionTimestamp != nil || used[r] || j.owned(c) || x.Taken.Sub(c.CreationTimestamp.Time) < freshClaim {
			continue
		}
		f := Finding{Code: ClaimUnused, Danger: Note, Object: kube.RefOf(c)}
		f.Saving.Storage = storage(c)
		f.Summary = redact.Sprintf("no pod mounts it and no workload names it; it holds %s", kube.Memory(f.Saving.Storage))
		if set := j.leftBy(c); set != "" {
			f.Summary = redact.Sprintf("%s; StatefulSet/%s left it when it was scaled down and takes it again when it grows", f.Summary, redact.Name(set))
		}
		f.Advice = []redact.Text{redact.Sprintf("look at what is in it before you let it go: kubectl describe pvc %s -n %s; deleting it may delete the data (the reclaim policy of its volume decides)",
			redact.Name(c.Name), redact.Name(c.Namespace))}
		j.add(f)
	}
	return nil
}

// mounted collects every claim that a pod that is not over has, or that the
// template of a workload names, also one that is scaled to zero.
func (j *judge) mounted() map[action.Ref]bool {
	used := map[action.Ref]bool{}
	note := func(ns string, spec *corev1.PodSpec) {
		for i := range spec.Volumes {
			if v := spec.Volumes[i].PersistentVolumeClaim; v != nil {
				used[kube.Key("PersistentVolumeClaim", ns, v.ClaimName)] = true
			}
		}
	}
	for _, p := range j.x.Pods {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			note(p.Namespace, &p.Spec)
			for i := range p.Spec.Volumes {
				if p.Spec.Volumes[i].Ephemeral != nil {
					used[kube.Key("PersistentVolumeClaim", p.Namespace, p.Name+"-"+p.Spec.Volumes[i].Name)] = true
				}
			}
		}
	}
	for _, o := range j.x.Deployments {
		note(o.Namespace, &o.Spec.Template.Spec)
	}
	for _, o := range j.x.StatefulSets {
		note(o.Namespace, &o.Spec.Template.Spec)
	}
	for _, o := range j.x.DaemonSets {
		note(o.Namespace, &o.Spec.Template.Spec)
	}
	for _, o := range j.x.ReplicaSets {
		note(o.Namespace, &o.Spec.Template.Spec)
	}
	for _, o := range j.x.Jobs {
		note(o.Namespace, &o.Spec.Template.Spec)
	}
	for _, o := range j.x.CronJobs {
		note(o.Namespace, &o.Spec.JobTemplate.Spec.Template.Spec)
	}
	return used
}

// leftBy names the StatefulSet that made a claim for a replica that it no longer
// has: its claims are named TEMPLATE-SET-ORDINAL.
func (j *judge) leftBy(c *corev1.PersistentVolumeClaim) string {
	for _, s := range j.x.StatefulSets {
		if s.Namespace == c.Namespace && claimOf(s, c.Name) {
			return s.Name
		}
	}
	return ""
}

func claimOf(s *appsv1.StatefulSet, name string) bool {
	return slices.ContainsFunc(s.Spec.VolumeClaimTemplates, func(t corev1.PersistentVolumeClaim) bool {
		ordinal, ok := strings.CutPrefix(name, t.Name+"-"+s.Name+"-")
		_, err := strconv.ParseUint(ordinal, 10, 31)
		return ok && err == nil
	})
}

// storage is what a bound claim holds.
func storage(c *corev1.PersistentVolumeClaim) int64 {
	return cmp.Or(amount(c.Status.Capacity, corev1.ResourceStorage, 0), amount(c.Spec.Resources.Requests, corev1.ResourceStorage, 0))
}

// owned reports whether a controller made obj and deletes it.
func (j *judge) owned(obj metav1.Object) bool { return metav1.GetControllerOf(obj) != nil }
