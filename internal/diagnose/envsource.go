package diagnose

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// setting is one place that gives a variable a value.
type setting struct {
	where redact.Text
	value string // of a literal; empty where it comes from elsewhere
	from  string // what makes two settings different
}

// settings lists what sets the variable, the one that wins last: env wins over
// envFrom, and in each the later over the earlier. A source whose keys nobody
// knows does not count.
func (l *look) settings(f fault, name string) []setting {
	var out []setting
	for i := range f.container.EnvFrom {
		from := &f.container.EnvFrom[i]
		kind, object, list := "", "", l.x.ConfigMaps
		switch {
		case from.ConfigMapRef != nil:
			kind, object = "ConfigMap", from.ConfigMapRef.Name
		case from.SecretRef != nil:
			kind, object, list = "Secret", from.SecretRef.Name, l.x.Secrets
		}
		key, ok := strings.CutPrefix(name, from.Prefix)
		have, _ := kube.FindKeys(list, f.pod.Namespace, object)
		if ok && slices.Contains(have.Keys, key) {
			ref := kube.Key(kind, f.pod.Namespace, object)
			out = append(out, setting{where: redact.Sprintf("envFrom %s", refText(ref)), from: ref.String()})
		}
	}
	for i := range f.container.Env {
		if e := &f.container.Env[i]; e.Name == name {
			out = append(out, settingOf(e))
		}
	}
	return out
}

func settingOf(e *corev1.EnvVar) setting {
	switch v := e.ValueFrom; {
	case v == nil:
		return setting{where: redact.Literal("a value in env"), value: e.Value, from: "=" + e.Value}
	case v.ConfigMapKeyRef != nil:
		return setting{where: redact.Sprintf("env from ConfigMap/%s", text(v.ConfigMapKeyRef.Name)), from: "ConfigMap/" + v.ConfigMapKeyRef.Name + "/" + v.ConfigMapKeyRef.Key}
	case v.SecretKeyRef != nil:
		return setting{where: redact.Sprintf("env from Secret/%s", text(v.SecretKeyRef.Name)), from: "Secret/" + v.SecretKeyRef.Name + "/" + v.SecretKeyRef.Key}
	}
	return setting{where: redact.Literal("env"), from: "field"}
}

// shadowed are the variables that are set more than once, differently.
func (l *look) shadowed(f fault) map[string][]setting {
	out := map[string][]setting{}
	consider := func(name string) {
		if _, done := out[name]; done || name == "" {
			return
		}
		list := l.settings(f, name)
		if len(list) > 1 && list[len(list)-1].from != list[len(list)-2].from {
			out[name] = list
		}
	}
	for i := range f.container.Env {
		consider(f.container.Env[i].Name)
	}
	for i := range f.container.EnvFrom {
		if ref := f.container.EnvFrom[i].ConfigMapRef; ref != nil {
			have, _ := kube.FindKeys(l.x.ConfigMaps, f.pod.Namespace, ref.Name)
			for _, key := range have.Keys {
				consider(f.container.EnvFrom[i].Prefix + key)
			}
		}
	}
	return out
}
