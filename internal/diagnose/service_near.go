package diagnose

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/kube"
)

// Labels by what they tell about a pod.
var (
	appLabels     = []string{"app.kubernetes.io/name", "app", "k8s-app", "name"}
	releaseLabels = []string{"app.kubernetes.io/instance", "release", "app.kubernetes.io/part-of"}
	versionLabels = []string{"version", "app.kubernetes.io/version", "track", "color", "colour", "env", "environment", "stage"}
	partLabels    = []string{"tier", "component", "app.kubernetes.io/component", "layer"}
)

func isAppLabel(key string) bool { return slices.Contains(appLabels, key) }

// electedWords mark labels by which a program says which of its pods is which:
// they come and go while the template stays.
var electedWords = []string{"role", "leader", "active", "master", "primary", "replica", "secondary", "standby", "elected", "true", "false"}

var labelParts = regexp.MustCompile(`[./_-]`)

// fixed reports whether the keys that do not fit are of labels that only a
// change of the template sets: those that the template has with another value,
// or that are known to be set there.
func fixed(selector, set map[string]string, keys []string) bool {
	for _, k := range keys {
		_, has := set[k]
		known := slices.Contains(slices.Concat(appLabels, releaseLabels, versionLabels, partLabels), k)
		elected := func(word string) bool { return slices.Contains(electedWords, strings.ToLower(word)) }
		if !has && !known || elected(selector[k]) || elected(set[k]) || slices.ContainsFunc(labelParts.Split(k, -1), elected) ||
			strings.HasSuffix(k, "pod-template-hash") {
			return false
		}
	}
	return true
}

// serviceSuffix is what people add to the name of a workload for its Service.
var serviceSuffix = regexp.MustCompile(`-(?:svc|service|headless|http|lb)$`)

// namesake reports whether a Service is named after a workload: by its name, by
// the name of its application, or as a StatefulSet's own Service.
func (l *look) namesake(svc *corev1.Service, t kube.Template) bool {
	if set, ok := l.x.Object(t.Ref).(*appsv1.StatefulSet); ok && set.Spec.ServiceName == svc.Name {
		return true
	}
	for _, name := range []string{svc.Name, serviceSuffix.ReplaceAllString(svc.Name, "")} {
		if name == t.Ref.Name || slices.ContainsFunc(appLabels, func(k string) bool { return t.Pod.Labels[k] == name }) {
			return true
		}
	}
	return false
}

// variantSuffix marks one of several variants of an application.
var variantSuffix = regexp.MustCompile(`-(?:canary|stable|blue|green|preview|active|primary|baseline|candidate|next|old|new|beta|alpha|shadow|experiment|[ab]|v?\d+(?:[.-]\d+)*)$`)

// variantOfSameApp reports whether the pods are of the application that a
// Service selects and miss one label only. A Service may wait for a variant that
// is not there at present (a canary, the idle colour); and pods that another
// Service selects by the same labels are meant by that one.
func (l *look) variantOfSameApp(svc *corev1.Service, m missed) bool {
	if len(m.keys) != 1 || slices.Contains(slices.Concat(appLabels, releaseLabels), m.keys[0]) || l.servedBySibling(svc, m) {
		return false
	}
	names := func(k string) bool { _, ok := svc.Spec.Selector[k]; return ok }
	if !slices.ContainsFunc(appLabels, names) || variantSuffix.MatchString(svc.Name) ||
		slices.Contains(strings.Split(svc.Name, "-"), svc.Spec.Selector[m.keys[0]]) {
		return false
	}
	declares, fits := declaresTarget(svc, &m.Pod.Spec)
	if slices.Contains(versionLabels, m.keys[0]) {
		return fits || !declares
	}
	return fits
}

// declaresTarget reports whether containers declare ports at all, and whether a
// target port of the Service is among them.
func declaresTarget(svc *corev1.Service, spec *corev1.PodSpec) (declares, fits bool) {
	for _, c := range spec.Containers {
		declares = declares || len(c.Ports) > 0
	}
	return declares, slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return declared(spec, p) })
}

// servedBySibling reports whether a Service with the same selector but for the
// value of the one label selects the pods.
func (l *look) servedBySibling(svc *corev1.Service, m missed) bool {
	return slices.ContainsFunc(l.x.Services, func(o *corev1.Service) bool {
		return o.Namespace == svc.Namespace && o.Name != svc.Name && maps.Equal(o.Spec.Selector, m.corrected(svc.Spec.Selector))
	})
}

// servedByAnother reports whether some other Service selects the pods.
func (l *look) servedByAnother(svc *corev1.Service, t kube.Template) bool {
	return slices.ContainsFunc(l.x.Services, func(o *corev1.Service) bool {
		return o.Namespace == svc.Namespace && o.Name != svc.Name && len(o.Spec.Selector) > 0 && len(unfit(o.Spec.Selector, t.Pod.Labels)) == 0
	})
}

// selectsMaker asks fits about what makes pods and is no workload that runs for
// good: Jobs, CronJobs, and the ReplicaSets of other people's controllers. Those
// of a Deployment hold its past.
func (l *look) selectsMaker(fits func(metav1.Object, map[string]string) bool) bool {
	for _, j := range l.x.Jobs {
		if fits(j, j.Spec.Template.Labels) {
			return true
		}
	}
	for _, c := range l.x.CronJobs {
		if fits(c, c.Spec.JobTemplate.Spec.Template.Labels) {
			return true
		}
	}
	for _, rs := range l.x.ReplicaSets {
		if c := metav1.GetControllerOf(rs); c != nil && c.Kind != "Deployment" && fits(rs, rs.Spec.Template.Labels) {
			return true
		}
	}
	return false
}
