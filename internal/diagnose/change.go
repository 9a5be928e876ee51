package diagnose

import (
	"maps"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// change is the difference between two revisions of a Deployment.
type change struct {
	from, to *appsv1.ReplicaSet // older, current
	at       time.Time          // when the current one was rolled out
	// fields holds container name → the fields of it that differ.
	fields map[string][]string
	// other is set where more differs than a rollback may touch.
	other bool
}

// currentSet is the ReplicaSet of the Deployment's present template.
func (l *look) currentSet() *appsv1.ReplicaSet {
	d, ok := l.top.(*appsv1.Deployment)
	if !ok {
		return nil
	}
	sets := l.x.RevisionsOf(d)
	for _, rs := range sets {
		if kube.Revision(rs) == kube.Revision(d) && kube.Revision(d) > 0 {
			return rs
		}
	}
	if len(sets) == 0 {
		return nil
	}
	return sets[len(sets)-1]
}

func (l *look) currentOwner() string {
	if rs := l.currentSet(); rs != nil {
		return string(rs.UID)
	}
	return ""
}

// change is what the last rollout changed; nil if there was none.
func (l *look) change() *change {
	older := l.olderSets()
	if len(older) == 0 {
		return nil
	}
	return l.changeFrom(older[len(older)-1])
}

// olderSets lists the ReplicaSets before the current one, oldest first.
func (l *look) olderSets() []*appsv1.ReplicaSet {
	current := l.currentSet()
	if current == nil {
		return nil
	}
	d, ok := l.top.(*appsv1.Deployment)
	if !ok {
		return nil
	}
	var out []*appsv1.ReplicaSet
	for _, rs := range l.x.RevisionsOf(d) {
		if kube.Revision(rs) > 0 && kube.Revision(rs) < kube.Revision(current) {
			out = append(out, rs)
		}
	}
	return out
}

func (l *look) changeFrom(older *appsv1.ReplicaSet) *change {
	current := l.currentSet()
	c := &change{from: older, to: current, at: current.CreationTimestamp.Time}
	c.fields, c.other = compare(&older.Spec.Template, &current.Spec.Template)
	if d, ok := l.top.(*appsv1.Deployment); ok {
		for i := range d.Status.Conditions {
			p := &d.Status.Conditions[i]
			// A rollback takes an old ReplicaSet up again: its creation time
			// says nothing then.
			if p.Type == appsv1.DeploymentProgressing && p.LastUpdateTime.After(c.at) {
				c.at = p.LastUpdateTime.Time
			}
		}
	}
	return c
}

// rollbackFields are the fields of a container that a rollback may bring back,
// as the admission policy of the rollback account has them.
func rollbackFields(c *corev1.Container) map[string]any {
	return map[string]any{
		"image":   c.Image + " " + string(c.ImagePullPolicy),
		"command": append(append([]string{c.WorkingDir}, c.Command...), append([]string{"\x00"}, c.Args...)...),
		"env":     struct{ A, B any }{c.Env, c.EnvFrom}, "resources": c.Resources,
		"liveness probe": c.LivenessProbe, "readiness probe": c.ReadinessProbe, "startup probe": c.StartupProbe,
	}
}

// fieldNames is the order in which changes are told.
func fieldNames() []string {
	return []string{"image", "command", "env", "resources", "liveness probe", "readiness probe", "startup probe"}
}

// compare lists the fields by container that differ and that a rollback may
// bring back; other says that more differs. Template annotations are left
// alone: a restart changes them.
func compare(older, newer *corev1.PodTemplateSpec) (fields map[string][]string, other bool) {
	fields = map[string][]string{}
	a, b := older.Spec.DeepCopy(), newer.Spec.DeepCopy()
	other = !maps.Equal(templateLabels(older), templateLabels(newer))
	for _, pair := range [][2][]corev1.Container{{a.InitContainers, b.InitContainers}, {a.Containers, b.Containers}} {
		if len(pair[0]) != len(pair[1]) {
			return fields, true
		}
		for i := range pair[0] {
			was, is := &pair[0][i], &pair[1][i]
			before, after := rollbackFields(was), rollbackFields(is)
			for _, name := range fieldNames() {
				if !equality.Semantic.DeepEqual(before[name], after[name]) {
					fields[is.Name] = append(fields[is.Name], name)
				}
			}
			clearTouchable(was)
			clearTouchable(is)
		}
	}
	return fields, other || !equality.Semantic.DeepEqual(a, b)
}

// clearTouchable empties what a rollback may touch, so that the rest can be compared.
func clearTouchable(c *corev1.Container) {
	c.Image, c.ImagePullPolicy, c.WorkingDir = "", "", ""
	c.Command, c.Args, c.Env, c.EnvFrom = nil, nil, nil, nil
	c.Resources = corev1.ResourceRequirements{}
	c.LivenessProbe, c.ReadinessProbe, c.StartupProbe = nil, nil, nil
}

func templateLabels(t *corev1.PodTemplateSpec) map[string]string {
	labels := maps.Clone(t.Labels)
	delete(labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return labels
}

// touches reports whether one of the fields of the container changed.
func (c *change) touches(container string, names ...string) bool {
	for _, is := range c.fields[container] {
		for _, name := range names {
			if is == name {
				return true
			}
		}
	}
	return false
}

// onlyImages reports whether nothing but images changed.
func (c *change) onlyImages() bool {
	for _, names := range c.fields {
		if len(names) != 1 || names[0] != "image" {
			return false
		}
	}
	return !c.other && len(c.fields) > 0
}

// describe tells the change without values: those of variables may be secret.
func (c *change) describe() redact.Text {
	var parts []string
	for _, list := range [][]corev1.Container{c.to.Spec.Template.Spec.InitContainers, c.to.Spec.Template.Spec.Containers} {
		for i := range list {
			if names := c.fields[list[i].Name]; len(names) > 0 {
				parts = append(parts, strings.Join(names, ", ")+" of container "+list[i].Name)
			}
			if c.touches(list[i].Name, "image") {
				parts[len(parts)-1] += " (" + imageOf(&c.from.Spec.Template.Spec, list[i].Name) + " to " + list[i].Image + ")"
			}
		}
	}
	if c.other {
		parts = append(parts, "fields outside the containers, or ones that a rollback does not touch")
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing but annotations")
	}
	return redact.Sprintf("revision %s to %s changed %s",
		redact.Int(kube.Revision(c.from)), redact.Int(kube.Revision(c.to)), text(strings.Join(parts, "; ")))
}

func imageOf(spec *corev1.PodSpec, container string) string {
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			if list[i].Name == container {
				return list[i].Image
			}
		}
	}
	return ""
}
