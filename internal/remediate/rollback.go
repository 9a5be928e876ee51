package remediate

import (
	"maps"
	"reflect"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

const (
	restartedAt  = "kubectl.kubernetes.io/restartedAt"
	revisionNote = "deployment.kubernetes.io/revision"
	hashLabel    = "pod-template-hash"
)

// rollbackFields are what a rollback takes over of each container. The
// admission policy of its account has the same list.
func rollbackFields() []string {
	return []string{
		"image", "imagePullPolicy", "command", "args", "workingDir", "env", "envFrom", "resources",
		"livenessProbe", "readinessProbe", "startupProbe",
	}
}

// rollback brings back the template of an earlier ReplicaSet, as far as a
// rollback may: the named fields of containers that both have, and the note of
// the last restart, without which the deployment controller would not know the
// revision again. A difference anywhere else refuses it, because leaving it out
// would give a mixture that never ran.
func (l live) rollback(p action.RollbackParams) ([]op, *stop) {
	to, s := l.revision(p.To, p.ToRevision)
	if s != nil {
		return nil, s
	}
	if _, s := l.revision(p.From, p.FromRevision); s != nil {
		return nil, s
	}
	if current := l.object.GetAnnotations()[revisionNote]; current != strconv.FormatInt(p.FromRevision, 10) {
		return nil, refuse(CodeRevisionChanged, redact.Sprintf("The workload is no longer at revision %s.", redact.Int(p.FromRevision)))
	}
	if field := otherDifference(l.object.Object, to.Object); field != "" {
		return nil, refuse(CodeRollbackScope, redact.Sprintf("Revision %s differs in %s, which a rollback may not change: use kubectl rollout undo.",
			redact.Int(p.ToRevision), redact.Name(field)))
	}
	ops := l.restartNote(to)
	for _, list := range []string{"containers", "initContainers"} {
		now, then := templateContainers(l.object.Object, list), templateContainers(to.Object, list)
		if len(now) > 0 {
			ops = append(ops, op{Op: "replace", Path: pointer("spec", "template", "spec", list), Value: takeOver(now, then)})
		}
	}
	return ops, nil
}

// restartNote brings back the restart annotation of the earlier template.
func (l live) restartNote(to *unstructured.Unstructured) []op {
	path := []string{"spec", "template", "metadata"}
	note := append(slices.Clone(path), "annotations", restartedAt)
	now, _, _ := unstructured.NestedString(l.object.Object, note...)
	then, _, _ := unstructured.NestedString(to.Object, note...)
	switch {
	case now == then:
		return nil
	case then == "":
		return []op{{Op: "remove", Path: pointer(note...)}}
	}
	return annotate(l.object.Object, map[string]string{restartedAt: then}, path...)
}

// revision finds a ReplicaSet of the target by UID and holds it to its name
// and revision.
func (l live) revision(p action.Pinned, number int64) (*unstructured.Unstructured, *stop) {
	for i := range l.replicaSets {
		rs := &l.replicaSets[i]
		if string(rs.GetUID()) != p.UID || rs.GetName() != p.ReplicaSet {
			continue
		}
		if rs.GetAnnotations()[revisionNote] != strconv.FormatInt(number, 10) {
			return nil, refuse(CodeRevisionChanged, redact.Sprintf("ReplicaSet %s is no longer revision %s.", redact.Name(p.ReplicaSet), redact.Int(number)))
		}
		return rs, nil
	}
	return nil, refuse(CodeNoRevision, redact.Sprintf("Revision %s (ReplicaSet %s) no longer exists.", redact.Int(number), redact.Name(p.ReplicaSet)))
}

// takeOver gives now's containers with the rollback fields of then's.
func takeOver(now, then []map[string]any) []any {
	merged := make([]any, len(now))
	for i := range now {
		c := maps.Clone(now[i])
		for _, field := range rollbackFields() {
			delete(c, field)
			if value, ok := then[i][field]; ok {
				c[field] = value
			}
		}
		merged[i] = c
	}
	return merged
}

// otherDifference names the first field of two pod templates that differs and
// is none of the rollback fields; empty if there is none.
func otherDifference(now, then map[string]any) string {
	a, b := templateOf(now), templateOf(then)
	for _, list := range []string{"containers", "initContainers"} {
		if field := containersDiffer(list, templateContainers(now, list), templateContainers(then, list)); field != "" {
			return field
		}
	}
	if field := differing("template.spec", a.spec, b.spec); field != "" {
		return field
	}
	return differing("template.metadata", a.meta, b.meta)
}

func containersDiffer(list string, now, then []map[string]any) string {
	if len(now) != len(then) {
		return list
	}
	for i := range now {
		name, _ := now[i]["name"].(string)
		if then[i]["name"] != name {
			return list
		}
		if field := differing(list+"."+name, without(now[i], rollbackFields()...), without(then[i], rollbackFields()...)); field != "" {
			return field
		}
	}
	return ""
}

// template is a pod template without what may differ.
type template struct{ spec, meta map[string]any }

func templateOf(obj map[string]any) template {
	spec, _, _ := unstructured.NestedMap(obj, "spec", "template", "spec")
	meta, _, _ := unstructured.NestedMap(obj, "spec", "template", "metadata")
	labels, _ := meta["labels"].(map[string]any)
	notes, _ := meta["annotations"].(map[string]any)
	meta = without(meta, "labels", "annotations", "creationTimestamp")
	for key, value := range without(labels, hashLabel) {
		meta["label "+key] = value
	}
	for key, value := range without(notes, restartedAt) {
		meta["annotation "+key] = value
	}
	return template{spec: without(spec, "containers", "initContainers"), meta: meta}
}

func without(m map[string]any, keys ...string) map[string]any {
	kept := map[string]any{}
	for key, value := range m {
		if !slices.Contains(keys, key) {
			kept[key] = value
		}
	}
	return kept
}

func differing(where string, a, b map[string]any) string {
	keys := slices.Sorted(maps.Keys(a))
	keys = append(keys, slices.Sorted(maps.Keys(b))...)
	for _, key := range keys {
		if !reflect.DeepEqual(a[key], b[key]) {
			return where + "." + key
		}
	}
	return ""
}
