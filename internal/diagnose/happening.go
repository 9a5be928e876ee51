package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// happening is one change that may have brought a fault.
type happening struct {
	at      time.Time
	object  action.Ref
	what    redact.Text
	by      redact.Text
	rollout *change // nil: something else was changed
}

// maxChanges bounds the changes that one finding tells.
const maxChanges = 5

// lookBack finds what was changed before the fault, the last change first: only
// what the cause's row of the table can come from, and nothing that came after.
func (l *look) lookBack(p proof, faults []fault) []happening {
	l.began = l.beganAt(p, faults)
	traces := remedyOf(p.cause).traces
	var all []happening
	if traces&(traceFields|traceSpec) != 0 {
		all = append(all, l.rollouts(p, traces)...)
	}
	if traces&traceConfig != 0 {
		all = append(all, l.configWrites(p)...)
	}
	if traces&traceRoot != 0 && !l.isSubject(p.root) {
		all = append(all, l.rootWrites(p)...)
	}
	if traces&traceRoom != 0 {
		all = append(all, l.roomWrites()...)
	}
	if traces&traceNodes != 0 {
		for _, n := range l.x.Nodes {
			all = append(all, objectWrites(n, "spec.unschedulable", "spec.taints")...)
		}
	}
	if traces&traceRoot != 0 && l.isSubject(p.root) {
		all = append(all, l.ownWrites()...)
	}
	all = slices.DeleteFunc(all, func(h happening) bool { return h.at.After(l.began) || l.began.Sub(h.at) > blameFor })
	slices.SortStableFunc(all, func(a, b happening) int {
		return cmp.Or(b.at.Compare(a.at), cmp.Compare(ofRollout(b), ofRollout(a)), cmp.Compare(a.object.Kind, b.object.Kind), cmp.Compare(a.object.Name, b.object.Name))
	})
	all = slices.CompactFunc(all, func(a, b happening) bool { return a.object == b.object && a.at.Equal(b.at) && a.what == b.what })
	return all[:min(len(all), maxChanges)]
}

// ofRollout puts a rollout before what was written in the same second: one
// command often writes both.
func ofRollout(h happening) int {
	if h.rollout != nil {
		return 1
	}
	return 0
}

// changes writes what was changed into the diagnosis, and cites the last.
func (l *look) changes(d *incident.Diagnosis) (cites []string) {
	d.Began = l.began
	for n, h := range l.recent {
		c := incident.Change{At: h.at, Object: h.object, What: h.what, By: h.by}
		kind, where := "change", redact.Literal("last write")
		if h.rollout != nil {
			kind, where = "spec", redact.Literal("last rollout")
		}
		said := saidBy(h.what, h.by)
		c.Cite = l.evidence.add(kind, h.object, where, said, h.at)
		if n == 0 {
			before := redact.Literal("in the same second")
			if ago := l.began.Sub(h.at).Round(time.Second); ago > 0 {
				before = redact.Sprintf("%s before", redact.Duration(ago))
			}
			d.Changed = redact.Sprintf("Changed %s: %s", before, said)
			if c.Cite != "" {
				cites = []string{c.Cite}
			}
		}
		d.Changes = append(d.Changes, c)
	}
	return cites
}

func saidBy(what, by redact.Text) redact.Text {
	if by.IsEmpty() {
		return what
	}
	return redact.Sprintf("%s, by %s", what, by)
}

// said is the change with its author.
func (c *change) said() redact.Text { return saidBy(c.describe(), c.by) }

// rollouts is the subject's last rollout, where it touched what the cause may
// come from and the fault is one of the new pods.
func (l *look) rollouts(p proof, traces trace) []happening {
	c := l.change()
	if c == nil || c.nothing() || p.fault.pod != nil && l.currentOwner() != "" && ownerUID(p.fault.pod) != l.currentOwner() {
		return nil
	}
	if traces&traceSpec == 0 && !c.brings(p) {
		return nil
	}
	return []happening{{at: c.at, object: l.subject, what: c.describe(), by: c.by, rollout: c}}
}

// configWrites are the last writes to the ConfigMaps and Secrets that the
// failing container reads. What it reads into variables it read when it was
// started; a mounted file changes under it.
func (l *look) configWrites(p proof) []happening {
	f := p.fault
	if f.pod == nil || f.container == nil {
		return nil
	}
	started := startedAt(f)
	var out []happening
	for kind, list := range map[string][]kube.Keys{"ConfigMap": l.x.ConfigMaps, "Secret": l.x.Secrets} {
		for _, k := range list {
			mounted := f.mounts(kind, k.Ref.Name)
			if k.Ref.Namespace != f.pod.Namespace || !mounted && !asksFor(&corev1.PodSpec{Containers: []corev1.Container{*f.container}, Volumes: f.volumes()}, kind, k.Ref.Name) {
				continue
			}
			for _, h := range keysWrites(k) {
				if mounted || !h.at.After(started) {
					out = append(out, h)
				}
			}
		}
	}
	return out
}

// volumes are those that the container mounts.
func (f fault) volumes() []corev1.Volume {
	var out []corev1.Volume
	for i := range f.container.VolumeMounts {
		if v := volumeNamed(f.pod, f.container.VolumeMounts[i].Name); v != nil {
			out = append(out, *v)
		}
	}
	return out
}

// mounts reports whether the container sees the object as files that change with
// it: those of a subPath stay as they were at its start.
func (f fault) mounts(kind, name string) bool {
	return slices.ContainsFunc(f.container.VolumeMounts, func(m corev1.VolumeMount) bool {
		v := volumeNamed(f.pod, m.Name)
		return v != nil && m.SubPath == "" && m.SubPathExpr == "" && slices.Contains(volumeNames(v, kind), name)
	})
}

// rootWrites are those to the object that has to change.
func (l *look) rootWrites(p proof) []happening {
	switch p.root.Kind {
	case "ConfigMap", "Secret":
		list := l.x.ConfigMaps
		if p.root.Kind == "Secret" {
			list = l.x.Secrets
		}
		if k, found := kube.FindKeys(list, p.root.Namespace, p.root.Name); found {
			return keysWrites(k)
		}
		return nil
	}
	o := l.x.Object(p.root)
	if o == nil {
		return nil
	}
	if c := l.changeOf(o); c != nil && !c.nothing() {
		h := happening{at: c.at, object: p.root, what: redact.Sprintf("%s: %s", refText(p.root), c.describe()), by: c.by}
		return append([]happening{h}, objectWrites(o, "spec.replicas")...)
	}
	if p.root.Kind == "Namespace" {
		return objectWrites(o, "metadata.labels")
	}
	return objectWrites(o, "spec", "webhooks")
}

// ownWrites are those to a subject that is no workload.
func (l *look) ownWrites() []happening {
	switch l.top.(type) {
	case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.DaemonSet:
		return objectWrites(l.top, "spec.replicas")
	}
	return objectWrites(l.top, "spec")
}

// roomWrites are those by which the subject asks for more room.
func (l *look) roomWrites() []happening {
	out := objectWrites(l.top, "spec.replicas")
	for _, a := range l.x.Autoscalers {
		if l.scales(a) {
			out = append(out, objectWrites(a, "spec.minReplicas", "spec.maxReplicas")...)
		}
	}
	return out
}

func (l *look) scales(a *autoscalingv2.HorizontalPodAutoscaler) bool {
	r := a.Spec.ScaleTargetRef
	return a.Namespace == l.subject.Namespace && r.Kind == l.subject.Kind && r.Name == l.subject.Name
}

// objectWrites are the writes of an object after it was made whose writer has
// one of the fields.
func objectWrites(o metav1.Object, fields ...string) []happening {
	var out []happening
	for _, w := range kube.Writes(o) {
		if !afterwards(w.At, o.GetCreationTimestamp().Time) || !slices.ContainsFunc(fields, w.Owns) {
			continue
		}
		ref := kube.RefOf(o)
		out = append(out, happening{at: w.At, object: ref, what: redact.Sprintf("%s was written%s", refText(ref), ofIts(w, fields)), by: text(w.Manager)})
	}
	return out
}

// keysWrites are the writes of a ConfigMap or Secret after it was made.
func keysWrites(k kube.Keys) []happening {
	var out []happening
	for _, w := range k.Writes {
		if afterwards(w.At, k.Created) && (w.Owns("data") || w.Owns("binaryData") || w.Owns("stringData")) {
			out = append(out, happening{at: w.At, object: k.Ref, what: redact.Sprintf("%s was written%s", refText(k.Ref), ofIts(w, []string{"data", "binaryData"})), by: text(w.Manager)})
		}
	}
	return out
}

// afterwards tells a change from the making: the record has whole seconds.
func afterwards(at, created time.Time) bool { return at.Sub(created) > time.Second }

// ofIts names the writer's fields, of which the write changed one or more: the
// record does not say which.
func ofIts(w kube.Write, fields []string) redact.Text {
	var names []string
	for _, f := range w.Fields {
		group, name, _ := strings.Cut(f, ".")
		if slices.Contains(fields, f) || slices.Contains(fields, group) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return redact.Text{}
	}
	return redact.Sprintf(" (its %s)", text(strings.Join(names, ", ")))
}
