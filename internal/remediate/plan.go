package remediate

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// op is one operation of a JSON Patch (RFC 6902). A nil Value is written as
// null: in a test it means "absent".
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// pointer joins the parts of a JSON pointer.
func pointer(parts ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("/" + escape.Replace(p))
	}
	return b.String()
}

// guards are the test operations that tie a patch to the object and the state
// that were approved: the UID and every bound subtree. A field that the
// specification may have and this one lacks is tested as absent, so that
// setting it meanwhile counts as a change too.
func guards(live map[string]any) []op {
	uid, _, _ := unstructured.NestedString(live, "metadata", "uid")
	ops := []op{{Op: "test", Path: "/metadata/uid", Value: uid}}
	spec, _, _ := unstructured.NestedMap(live, "spec")
	bound := action.BoundSpec(spec)
	for _, optional := range []string{"minReadySeconds", "paused", "progressDeadlineSeconds", "revisionHistoryLimit", "strategy"} {
		if _, present := bound[optional]; !present {
			bound[optional] = nil
		}
	}
	fields := make([]string, 0, len(bound))
	for field := range bound {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		ops = append(ops, op{Op: "test", Path: pointer("spec", field), Value: bound[field]})
	}
	return ops
}

// annotate sets annotations below the metadata at parts. Where there are none
// yet the object is made whole, guarded against one that appears meanwhile.
func annotate(obj map[string]any, values map[string]string, parts ...string) []op {
	path := append(slices.Clone(parts), "annotations")
	present, found, _ := unstructured.NestedMap(obj, path...)
	if !found || len(present) == 0 {
		return []op{{Op: "test", Path: pointer(path...), Value: nil}, {Op: "add", Path: pointer(path...), Value: values}}
	}
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var ops []op
	for _, key := range keys {
		ops = append(ops, op{Op: "add", Path: pointer(append(slices.Clone(path), key)...), Value: values[key]})
	}
	return ops
}

// plan is what the action changes in the live workload, without guards and
// stamps, or why it does not fit the workload.
func (l live) plan(a action.Action) ([]op, *stop) {
	switch {
	case a.Params.Restart != nil:
		at := map[string]string{restartedAt: a.Params.Restart.At}
		return annotate(l.object.Object, at, "spec", "template", "metadata"), nil
	case a.Params.SetImage != nil:
		return l.setImage(*a.Params.SetImage)
	case a.Params.SetResources != nil:
		return l.setResources(*a.Params.SetResources)
	case a.Params.Rollback != nil:
		return l.rollback(*a.Params.Rollback)
	}
	return nil, refuse(CodeBadOrder, redact.Literal("The order names no change of a workload."))
}

// container finds a container of the pod template by name.
func (l live) container(name string) (index int, c map[string]any, s *stop) {
	for i, c := range templateContainers(l.object.Object, "containers") {
		if c["name"] == name {
			return i, c, nil
		}
	}
	return 0, nil, refuse(CodeNoContainer, redact.Sprintf("The workload has no container %s.", redact.Name(name)))
}

// templateContainers reads a list of containers from spec.template.spec.
func templateContainers(obj map[string]any, list string) []map[string]any {
	raw, _, _ := unstructured.NestedSlice(obj, "spec", "template", "spec", list)
	found := make([]map[string]any, 0, len(raw))
	for _, c := range raw {
		m, _ := c.(map[string]any)
		found = append(found, m)
	}
	return found
}

func (l live) setImage(p action.SetImageParams) ([]op, *stop) {
	i, c, s := l.container(p.Container)
	if s != nil {
		return nil, s
	}
	if c["image"] != p.From {
		return nil, refuse(CodeValueChanged, redact.Sprintf("Container %s no longer runs the image that the proposal names.", redact.Name(p.Container)))
	}
	if !p.Typed && !l.ranBefore(p.Container, p.To) {
		return nil, refuse(CodeImageNeverRan, redact.Sprintf("No revision of this workload that is still kept ran the proposed image in container %s.", redact.Name(p.Container)))
	}
	path := pointer("spec", "template", "spec", "containers", strconv.Itoa(i), "image")
	return []op{{Op: "replace", Path: path, Value: p.To}}, nil
}

func (l live) ranBefore(container, image string) bool {
	for _, rs := range l.replicaSets {
		for _, c := range templateContainers(rs.Object, "containers") {
			if c["name"] == container && c["image"] == image {
				return true
			}
		}
	}
	return false
}

func (l live) setResources(p action.SetResourcesParams) ([]op, *stop) {
	i, c, s := l.container(p.Container)
	if s != nil {
		return nil, s
	}
	res, _ := c["resources"].(map[string]any)
	limit, _, _ := unstructured.NestedString(res, "limits", "memory")
	request, _, _ := unstructured.NestedString(res, "requests", "memory")
	if !sameAmount(limit, p.FromMemoryLimit) || p.FromMemoryRequest != "" && !sameAmount(request, p.FromMemoryRequest) {
		return nil, refuse(CodeValueChanged, redact.Sprintf("The memory limit or request of container %s is no longer the one that the proposal names.", redact.Name(p.Container)))
	}
	after := map[string]any{}
	for field, value := range res {
		after[field] = value
	}
	after["limits"] = withMemory(res["limits"], p.ToMemoryLimit)
	if p.ToMemoryRequest != "" {
		after["requests"] = withMemory(res["requests"], p.ToMemoryRequest)
	}
	path := pointer("spec", "template", "spec", "containers", strconv.Itoa(i), "resources")
	return []op{{Op: "add", Path: path, Value: after}}, nil
}

// sameAmount compares two quantities; empty means there is none.
func sameAmount(live, named string) bool {
	if live == "" || named == "" {
		return live == named
	}
	a, errA := resource.ParseQuantity(live)
	b, errB := resource.ParseQuantity(named)
	return errA == nil && errB == nil && a.Cmp(b) == 0
}

func withMemory(list any, amount string) map[string]any {
	before, _ := list.(map[string]any)
	after := map[string]any{}
	for name, value := range before {
		after[name] = value
	}
	after["memory"] = amount
	return after
}
