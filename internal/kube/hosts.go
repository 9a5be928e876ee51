package kube

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// ServiceHost reads a host name, without port, as a pod in namespace would
// resolve it: as the name of a Service (cache, cache.shop, cache.shop.svc…) or
// of a pod behind one (db-0.db.shop.svc…). sure is false where the name may as
// well be one outside the cluster, as "cache.shop" may.
func ServiceHost(namespace, host string) (ns, name string, sure bool) {
	parts := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	switch {
	case len(parts) == 1:
		return namespace, parts[0], true
	case len(parts) == 2:
		return parts[1], parts[0], false
	case parts[2] == "svc":
		return parts[1], parts[0], true
	case len(parts) > 3 && parts[3] == "svc":
		return parts[2], parts[1], true
	}
	return "", "", false
}

// ReadyPods lists the ready endpoints of a Service by the names of their pods;
// one without a pod is there under an empty name.
func (x *Index) ReadyPods(svc *corev1.Service) []string {
	var out []string
	for _, s := range x.at().slices[served{svc.Namespace, svc.Name}] {
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			name := ""
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
				name = e.TargetRef.Name
			}
			out = append(out, name)
		}
	}
	return out
}

// WaitingInit is the init container that a pod's start waits for: the first
// that runs and is no sidecar. Nil if none runs.
func WaitingInit(pod *corev1.Pod) *corev1.Container {
	for i := range pod.Status.InitContainerStatuses {
		if pod.Status.InitContainerStatuses[i].State.Running == nil {
			continue
		}
		c := containerSpec(pod, pod.Status.InitContainerStatuses[i].Name)
		if c != nil && (c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways) {
			return c
		}
	}
	return nil
}
