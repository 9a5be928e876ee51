package admission

import (
	"math/rand/v2"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// spoil changes one to three places of a JSON object: a key removed, a scalar
// changed, an element doubled, or a field added that the API knows.
func spoil(r *rand.Rand, root map[string]any, added []addition) {
	for range 1 + r.IntN(3) {
		if r.IntN(2) == 0 {
			a := added[r.IntN(len(added))]
			if at, ok := reach(root, a.path); ok {
				at[a.key] = a.value()
			}
			continue
		}
		var places []func()
		walk(root, func(change func(*rand.Rand)) { places = append(places, func() { change(r) }) })
		places[r.IntN(len(places))]()
	}
}

func walk(v any, place func(func(*rand.Rand))) {
	switch t := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(t))
		for k := range t {
			keys = append(keys, k)
		}
		slices.Sort(keys) // the same seed gives the same mutants
		for _, k := range keys {
			place(func(*rand.Rand) { delete(t, k) })
			place(func(r *rand.Rand) { t[k] = other(r, t[k]) })
			walk(t[k], place)
		}
	case []any:
		for i := range t {
			place(func(r *rand.Rand) { t[i] = other(r, t[i]) })
			walk(t[i], place)
		}
	}
}

// other is a value of the same type.
func other(r *rand.Rand, v any) any {
	switch t := v.(type) {
	case string:
		return []any{"", t + "x", "default", strings.ToUpper(t), "0"}[r.IntN(5)]
	case int64:
		return t + int64(r.IntN(3)) - 1
	case bool:
		return !t
	case []any:
		return append(slices.Clone(t), t...)
	case map[string]any:
		return map[string]any{}
	}
	return v
}

// addition is a field that the API server knows and the template has not.
type addition struct {
	path  string // dots; * is the first element of a list
	key   string
	value func() any
}

func reach(root map[string]any, path string) (map[string]any, bool) {
	var at any = root
	for part := range strings.SplitSeq(path, ".") {
		if part == "*" {
			list, ok := at.([]any)
			if !ok || len(list) == 0 {
				return nil, false
			}
			at = list[0]
			continue
		}
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if m[part] == nil {
			m[part] = map[string]any{}
		}
		at = m[part]
	}
	m, ok := at.(map[string]any)
	return m, ok
}

func podAdditions(pod string) []addition {
	is := func(v any) func() any { return func() any { return runtime.DeepCopyJSONValue(v) } }
	box, security := pod+".containers.*", pod+".containers.*.securityContext"
	m := func(kv ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(kv); i += 2 {
			out[kv[i].(string)] = kv[i+1]
		}
		return out
	}
	volume := m("name", "v", "hostPath", m("path", "/"))
	return []addition{
		{pod, "hostNetwork", is(true)}, {pod, "hostPID", is(true)}, {pod, "hostIPC", is(true)}, {pod, "hostUsers", is(false)},
		{pod, "serviceAccountName", is("default")}, {pod, "automountServiceAccountToken", is(false)},
		{pod, "nodeName", is("n1")}, {pod, "nodeSelector", is(m("a", "b"))}, {pod, "priorityClassName", is("system-node-critical")},
		{pod, "runtimeClassName", is("x")}, {pod, "hostname", is("x")}, {pod, "subdomain", is("x")}, {pod, "setHostnameAsFQDN", is(true)},
		{pod, "shareProcessNamespace", is(true)}, {pod, "enableServiceLinks", is(false)}, {pod, "preemptionPolicy", is("Never")},
		{pod, "volumes", is([]any{volume})}, {pod, "imagePullSecrets", is([]any{m("name", "s")})}, {pod, "terminationGracePeriodSeconds", is(int64(1))},
		{pod, "tolerations", is([]any{m("operator", "Exists")})}, {pod, "hostAliases", is([]any{m("ip", "10.0.0.1", "hostnames", []any{"api"})})},
		{pod, "dnsConfig", is(m("nameservers", []any{"10.0.0.1"}))}, {pod, "initContainers", is([]any{m("name", "i", "image", "x")})},
		{pod, "activeDeadlineSeconds", is(int64(5))}, {pod + ".securityContext", "runAsUser", is(int64(0))}, {pod + ".securityContext", "fsGroup", is(int64(0))},
		{pod + ".securityContext", "sysctls", is([]any{m("name", "kernel.shm_rmid_forced", "value", "1")})},
		{box, "workingDir", is("/proc")}, {box, "stdin", is(true)}, {box, "tty", is(true)}, {box, "ports", is([]any{m("containerPort", int64(80))})},
		{box, "envFrom", is([]any{m("secretRef", m("name", "s"))})}, {box, "imagePullPolicy", is("Always")}, {box, "args", is([]any{"x"})},
		{box, "lifecycle", is(m("postStart", m("exec", m("command", []any{"x"}))))}, {box, "livenessProbe", is(m("exec", m("command", []any{"x"})))},
		{box, "terminationMessagePath", is("/tmp/x")}, {box, "terminationMessagePolicy", is("FallbackToLogsOnError")},
		{box, "env", is([]any{m("name", "A", "value", "b")})}, {box, "image", is("x")}, {box, "command", is([]any{"sh"})},
		{security, "privileged", is(true)}, {security, "runAsUser", is(int64(0))}, {security, "procMount", is("Unmasked")},
		{security, "capabilities", is(m("add", []any{"SYS_ADMIN"}))}, {box + ".resources", "limits", is(m("memory", "1Gi"))},
	}
}

func jobAdditions() []addition {
	is := func(v any) func() any { return func() any { return runtime.DeepCopyJSONValue(v) } }
	return append(podAdditions("spec.template.spec"),
		addition{"metadata", "annotations", is(map[string]any{"a": "b"})}, addition{"metadata.labels", "a", is("b")},
		addition{"metadata", "finalizers", is([]any{"example.com/a"})}, addition{"spec.template.metadata", "annotations", is(map[string]any{"a": "b"})},
		addition{"spec", "suspend", is(true)}, addition{"spec", "parallelism", is(int64(3))}, addition{"spec", "completions", is(int64(3))},
		addition{"spec", "completionMode", is("Indexed")}, addition{"spec", "podReplacementPolicy", is("Failed")}, addition{"spec", "managedBy", is("example.com/x")},
		addition{"spec", "backoffLimit", is(int64(6))}, addition{"spec", "activeDeadlineSeconds", is(int64(9999))}, addition{"spec", "maxFailedIndexes", is(int64(1))})
}
