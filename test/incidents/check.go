package incidents

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
)

// check refuses what could not be played or scored.
func (s *Scenario) check() error {
	switch {
	case s.About == "":
		return errors.New("about is empty")
	case s.Healthy && (s.Cause != "" || len(s.More) > 0):
		return errors.New("healthy and a cause exclude each other")
	case len(s.Wait) == 0:
		return errors.New("wait is empty: a look before the fault shows measures nothing")
	case len(s.Manifests) == 0:
		return errors.New("no manifests")
	case !s.Healthy && s.After == "":
		return errors.New("after is empty: say what a person sees once it is mended")
	}
	for _, f := range s.Faults() {
		for _, a := range append([]Answer{f.Answer}, f.Also...) {
			if !slices.Contains(incident.Causes(), a.Cause) {
				return fmt.Errorf("unknown cause %q", a.Cause)
			}
			if kind, name, ok := strings.Cut(a.Root, "/"); !ok || kind == "" || name == "" {
				return fmt.Errorf("root %q is not KIND/NAME", a.Root)
			}
		}
	}
	if s.Healthy && len(s.Fixes)+len(s.Forbidden) > 0 {
		return errors.New("where nothing is wrong every fix is one too many: leave fixes and forbidden out")
	}
	for _, k := range s.Fixes {
		if slices.Contains(s.Forbidden, k) {
			return fmt.Errorf("%s is both right and forbidden", k)
		}
	}
	for _, k := range slices.Concat(s.Fixes, s.Forbidden) {
		if _, known := action.Lookup(k); !known {
			return fmt.Errorf("unknown action %q", k)
		}
	}
	for _, c := range s.conditions() {
		if err := c.check(); err != nil {
			return err
		}
	}
	for i, st := range s.Steps {
		if st.changes() != 1 {
			return fmt.Errorf("step %d makes %d changes, want one", i+1, st.changes())
		}
		if st.Short != "" && (st.Pressure == "" || !slices.Contains(shortages, st.Short)) {
			return fmt.Errorf("step %d: short of %q wants a pressure and one of %v", i+1, st.Short, shortages)
		}
	}
	return s.checkObjects()
}

// checkObjects keeps scenarios apart: what the cluster has one of carries the
// namespace in its name, and a webhook asks about this namespace only.
func (s *Scenario) checkObjects() error {
	for _, m := range s.Manifests {
		if m.GetKind() == "" || m.GetAPIVersion() == "" || m.GetName() == "" {
			return fmt.Errorf("a document lacks apiVersion, kind or name: %v", m.Object)
		}
		if m.GetNamespace() != "" {
			return fmt.Errorf("%s/%s names a namespace", m.GetKind(), m.GetName())
		}
		if clusterScoped(m.GetKind()) && !strings.Contains(m.GetName(), "incidents-") {
			return fmt.Errorf("%s/%s is not in a namespace: put %s into its name", m.GetKind(), m.GetName(), namespacePlace)
		}
		if strings.HasSuffix(m.GetKind(), "WebhookConfiguration") {
			hooks, _ := m.Object["webhooks"].([]any)
			for _, h := range hooks {
				hook, _ := h.(map[string]any)
				if hook["namespaceSelector"] == nil {
					return fmt.Errorf("%s/%s has no namespaceSelector", m.GetKind(), m.GetName())
				}
			}
		}
		if m.GetKind() == "Node" && !s.Alone {
			return errors.New("a scenario with a Node has to be alone: the scheduler counts nodes in everybody's messages")
		}
	}
	return nil
}

func clusterScoped(kind string) bool {
	return slices.Contains([]string{
		"Namespace", "Node", "PersistentVolume", "StorageClass", "IngressClass", "CSIDriver", "PriorityClass", "RuntimeClass",
		"ClusterRole", "ClusterRoleBinding", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "CustomResourceDefinition",
	}, kind)
}

func (s *Scenario) conditions() []Condition {
	all := slices.Clone(s.Wait)
	for _, st := range s.Steps {
		all = append(all, st.Wait...)
	}
	return all
}

const (
	busybox       = "docker.io/library/busybox:latest"
	defaultWithin = 3 * time.Minute
)

func (s *Scenario) within() time.Duration {
	if s.Within.Duration > 0 {
		return s.Within.Duration
	}
	return defaultWithin
}

// fillIn gives containers that name no image the only one that the test cluster
// has, and pods a short end: a shell as first process ignores SIGTERM.
func fillIn(object map[string]any) {
	for key, value := range object {
		switch v := value.(type) {
		case map[string]any:
			fillIn(v)
			if containers, ok := v["containers"].([]any); ok && key == "spec" {
				fillContainers(containers)
				if inits, ok := v["initContainers"].([]any); ok {
					fillContainers(inits)
				}
				if v["terminationGracePeriodSeconds"] == nil {
					v["terminationGracePeriodSeconds"] = int64(1)
				}
			}
		case []any:
			for _, element := range v {
				if m, ok := element.(map[string]any); ok {
					fillIn(m)
				}
			}
		}
	}
}

func fillContainers(containers []any) {
	for _, c := range containers {
		container, ok := c.(map[string]any)
		if !ok {
			continue
		}
		if container["image"] == nil {
			container["image"], container["imagePullPolicy"] = busybox, "IfNotPresent"
		}
	}
}
