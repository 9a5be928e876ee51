package watch

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The bounds of one description, in runes.
const (
	maxStatusRunes = 1500
	maxSpecRunes   = 3000
	maxMetaRunes   = 600
)

// describe shows the status, the spec and the labels of an object, as the look
// at the case saw it. Of a ConfigMap it shows the keys.
func (k *Case) describe(f *kin, ref action.Ref) incident.Answer {
	where := redact.Literal("description")
	if f.x.KnownAbsent(ref.Kind, ref.Namespace, ref.Name) {
		return k.seen("absence", ref, where, redact.Sprintf("%s does not exist", redact.Name(ref.String())))
	}
	if ref.Kind == "ConfigMap" {
		keys, ok := kube.FindKeys(f.x.ConfigMaps, ref.Namespace, ref.Name)
		if !ok {
			return unanswered(redact.Literal("it was not read"))
		}
		list := make([]redact.Text, 0, len(keys.Keys))
		for _, key := range keys.Keys {
			list = append(list, redact.Name(key))
		}
		return k.seen("spec", ref, where, redact.Sprintf("keys, whose values are not read: %s", redact.Join(", ", list...)).Truncate(maxSpecRunes))
	}
	obj := f.x.Object(ref)
	if obj == nil {
		return unanswered(redact.Literal("it was not read"))
	}
	text, err := k.summary(obj)
	if err != nil {
		return unanswered(redact.Literal("it could not be described"))
	}
	return k.seen("spec", ref, where, text)
}

// summary writes an object in short. It is redacted as one document, because the
// name of a value and the value stand on different lines.
func (k *Case) summary(obj metav1.Object) (redact.Text, error) {
	raw, err := json.Marshal(obj)
	if err != nil {
		return redact.Text{}, fmt.Errorf("encode the object: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return redact.Text{}, fmt.Errorf("read the object: %w", err)
	}
	meta, _ := fields["metadata"].(map[string]any)
	short := map[string]any{}
	for _, name := range []string{"labels", "creationTimestamp", "deletionTimestamp", "finalizers", "generation"} {
		if v, ok := meta[name]; ok {
			short[name] = v
		}
	}
	var parts []redact.Text
	for _, part := range []struct {
		name  string
		value any
		runes int
	}{{"status", fields["status"], maxStatusRunes}, {"spec", fields["spec"], maxSpecRunes}, {"metadata", short, maxMetaRunes}} {
		value := shorten(part.value)
		if value == nil {
			continue
		}
		doc, err := yaml.Marshal(map[string]any{part.name: value})
		if err != nil {
			return redact.Text{}, fmt.Errorf("write the object: %w", err)
		}
		parts = append(parts, k.c.cfg.Redactor.Redact(strings.TrimSpace(string(doc))).Truncate(part.runes))
	}
	return redact.Join("\n", parts...), nil
}

// dull are fields that say nothing about a fault.
var dull = []string{
	"managedFields", "resourceVersion", "containerID", "imageID", "podIP", "podIPs", "hostIP", "hostIPs", "terminationMessagePath",
	"terminationMessagePolicy", "enableServiceLinks", "preemptionPolicy", "revisionHistoryLimit", "lastProbeTime", "observedGeneration",
	"pod-template-hash", "data", "stringData", "binaryData", "uid", "caBundle",
}

// shorten drops what is empty or dull and writes a command with its arguments on
// one line, where the redactor sees which flag a word belongs to. Nil is nothing.
func shorten(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range v {
			if slices.Contains(dull, name) {
				continue
			}
			if words, ok := value.([]any); ok && (name == "command" || name == "args") {
				out[name] = line(words)
				continue
			}
			if short := shorten(value); short != nil {
				out[name] = short
			}
		}
		if command, ok := out["command"].(string); ok {
			if args, ok := out["args"].(string); ok {
				out["command"] = command + " " + args
				delete(out, "args")
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, item := range v {
			if short := shorten(item); short != nil && !apiAccess(short) {
				out = append(out, short)
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

func line(words []any) string {
	var out []string
	for _, w := range words {
		out = append(out, strings.Join(strings.Fields(fmt.Sprint(w)), " "))
	}
	return strings.Join(out, " ")
}

// apiAccess recognises the volume of a ServiceAccount's token and its mounts,
// which every pod has.
func apiAccess(v any) bool {
	m, _ := v.(map[string]any)
	name, _ := m["name"].(string)
	return strings.HasPrefix(name, "kube-api-access-")
}

// stateOf is the state of an object in a few words; empty where it has none.
func stateOf(obj metav1.Object) string {
	ready := func(n, of int32) string { return fmt.Sprintf("%d of %d ready", n, of) }
	switch o := obj.(type) {
	case *corev1.Pod:
		return podState(o)
	case *appsv1.Deployment:
		return ready(o.Status.ReadyReplicas, replicasOf(o.Spec.Replicas))
	case *appsv1.ReplicaSet:
		return ready(o.Status.ReadyReplicas, replicasOf(o.Spec.Replicas))
	case *appsv1.StatefulSet:
		return ready(o.Status.ReadyReplicas, replicasOf(o.Spec.Replicas))
	case *appsv1.DaemonSet:
		return ready(o.Status.NumberReady, o.Status.DesiredNumberScheduled)
	case *batchv1.Job:
		return fmt.Sprintf("%d active, %d succeeded, %d failed", o.Status.Active, o.Status.Succeeded, o.Status.Failed)
	case *corev1.PersistentVolumeClaim:
		return string(o.Status.Phase)
	case *corev1.Node:
		for _, c := range o.Status.Conditions {
			if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue {
				return "not ready"
			}
		}
		return "ready"
	}
	return ""
}

func replicasOf(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func podState(p *corev1.Pod) string {
	parts := []string{string(p.Status.Phase)}
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil:
			parts = append(parts, s.Name+" waits: "+s.State.Waiting.Reason)
		case s.State.Terminated != nil:
			parts = append(parts, fmt.Sprintf("%s ended with %d", s.Name, s.State.Terminated.ExitCode))
		case !s.Ready:
			parts = append(parts, s.Name+" is not ready")
		}
		if s.RestartCount > 0 {
			parts = append(parts, fmt.Sprintf("%s restarted %d times", s.Name, s.RestartCount))
		}
	}
	return strings.Join(parts, ", ")
}
