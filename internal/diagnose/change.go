package diagnose

import (
	"maps"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

// change is the difference between two revisions of a workload.
type change struct {
	from, to revision  // older, current
	at       time.Time // when the current one was rolled out
	by       redact.Text
	// fields holds container name → the fields of it that differ.
	fields map[string][]string
	// other is set where more differs than a rollback may touch.
	other bool
}

func (l *look) currentOwner() string {
	d, ok := l.top.(*appsv1.Deployment)
	if !ok {
		return ""
	}
	if rs := l.currentSetOf(d); rs != nil {
		return string(rs.UID)
	}
	return ""
}

// change is what the subject's last rollout changed; nil if there was none.
func (l *look) change() *change { return l.changeOf(l.top) }

// changeOf is what a workload's last rollout changed; nil if there was none.
func (l *look) changeOf(obj metav1.Object) *change {
	all := l.revisionsOf(obj)
	if len(all) < 2 {
		return nil
	}
	return changeFrom(obj, all, all[len(all)-2])
}

// changeFrom compares an older revision with the last of all.
func changeFrom(obj metav1.Object, all []revision, older revision) *change {
	c := &change{from: older, to: all[len(all)-1]}
	c.at, c.by = rolledOut(obj, all)
	c.fields, c.other = compare(c.from.template, c.to.template)
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

// nothing reports a rollout that changed nothing but annotations: a restart.
func (c *change) nothing() bool { return len(c.fields) == 0 && !c.other }

// onlyImages reports whether nothing but images changed.
func (c *change) onlyImages() bool {
	for _, names := range c.fields {
		if len(names) != 1 || names[0] != "image" {
			return false
		}
	}
	return !c.other && len(c.fields) > 0
}

// maxOrigin bounds the words that somebody gave a change, in runes.
const maxOrigin = 120

// describe tells the change without values: those of variables may be secret.
func (c *change) describe() redact.Text {
	var parts []string
	for _, list := range [][]corev1.Container{c.to.template.Spec.InitContainers, c.to.template.Spec.Containers} {
		for i := range list {
			if names := c.fields[list[i].Name]; len(names) > 0 {
				parts = append(parts, strings.Join(names, ", ")+" of container "+list[i].Name)
			}
			if c.touches(list[i].Name, "image") {
				parts[len(parts)-1] += " (" + imageOf(&c.from.template.Spec, list[i].Name) + " to " + list[i].Image + ")"
			}
		}
	}
	if c.other {
		parts = append(parts, "fields outside the containers, or ones that a rollback does not touch")
	}
	if len(parts) == 0 {
		parts = append(parts, "nothing but annotations")
	}
	said := redact.Sprintf("revision %s to %s changed %s", redact.Int(c.from.number), redact.Int(c.to.number), text(strings.Join(parts, "; ")))
	if c.to.origin != "" && c.to.origin != c.from.origin {
		said = redact.Sprintf("%s (%s)", said, text(c.to.origin).Truncate(maxOrigin))
	}
	return said
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
