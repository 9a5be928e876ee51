package incidents

import (
	"strings"
	"testing"
)

const sample = `about: a sample
cause: secret-missing
root: Secret/keys
forbidden: [restart]
wait: [{state: waiting, of: Deployment/web, reason: CreateContainerConfigError}]
after: it runs
---
apiVersion: v1
kind: Namespace
metadata: {name: "${NS}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: first}]
      containers: [{name: web, image: mine}, {name: side, command: [echo, "web-0.web talks to webby and to keys"]}]
`

func values(ns string) map[string]string { return map[string]string{namespacePlace: ns} }

func TestEveryScenarioCanBeRead(t *testing.T) {
	for _, dir := range []string{"testdata", "testdata/fresh"} {
		texts, err := Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		everyOneCanBeRead(t, texts)
	}
}

func everyOneCanBeRead(t *testing.T, texts map[string]string) {
	t.Helper()
	for name, text := range texts {
		s, err := Parse(name, text, values("incidents-test"), 0)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Repeat == 0 && strings.Contains(text, numberPlace) {
			t.Errorf("%s uses %s without repeat", name, numberPlace)
		}
		if s.Webhook != strings.Contains(text, "${WEBHOOK_URL}") {
			t.Errorf("%s: webhook and its place do not agree", name)
		}
	}
}

func TestAHeaderThatCouldNotBeScoredIsRefused(t *testing.T) {
	for name, c := range map[string][2]string{
		"a field that is not known":  {"about: a sample", "about: a sample\nnone: 1"},
		"an unknown cause":           {"secret-missing", "secret-lost"},
		"a root without a name":      {"Secret/keys", "Secret"},
		"an unknown action":          {"[restart]", "[reboot]"},
		"an unknown state":           {"state: waiting", "state: broken"},
		"no condition":               {"wait: [{state: waiting, of: Deployment/web, reason: CreateContainerConfigError}]", "wait: []"},
		"a reason that is no regexp": {"CreateContainerConfigError", "'('"},
		"no state afterwards":        {"after: it runs", "after: ''"},
		"healthy with a cause":       {"after: it runs", "healthy: true"},
		"a step without a change":    {"after: it runs", "after: it runs\nsteps: [{wait: []}]"},
		"a step with two changes":    {"after: it runs", "after: it runs\nsteps: [{delete: Pod/a, evict: Pod/a}]"},
		"another namespace":          {"{name: web, labels: {app: web}}\nspec:\n  template", "{name: web, namespace: kube-system}\nspec:\n  template"},
		"a node beside others":       {"kind: Namespace", "kind: Node"},
		"what everybody shares":      {"kind: Namespace\nmetadata: {name: \"${NS}\"}", "kind: StorageClass\nmetadata: {name: fast}"},
		"a webhook for everybody":    {"kind: Namespace\nmetadata: {name: \"${NS}\"}", "kind: ValidatingWebhookConfiguration\nmetadata: {name: \"x-${NS}\"}\nwebhooks: [{name: x}]"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(sample, c[0], c[1], 1)
			if text == sample {
				t.Fatal("the sample has no such text")
			}
			if _, err := Parse("sample", text, values("incidents-test"), 0); err == nil {
				t.Error("it was taken")
			}
		})
	}
	if _, err := Parse("sample", sample, values("incidents-test"), 0); err != nil {
		t.Errorf("the sample itself: %v", err)
	}
}

func TestContainersWithoutAnImageGetTheOneThereIs(t *testing.T) {
	s, err := Parse("sample", sample, values("incidents-test"), 0)
	if err != nil {
		t.Fatal(err)
	}
	spec := s.Manifests[1].Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
	first := spec["initContainers"].([]any)[0].(map[string]any)
	containers := spec["containers"].([]any)
	if first["image"] != busybox || containers[0].(map[string]any)["image"] != "mine" || containers[1].(map[string]any)["image"] != busybox {
		t.Errorf("images: %v", spec)
	}
}

func TestNumberedDocumentsAreMadeAsOftenAsAsked(t *testing.T) {
	text := strings.ReplaceAll(strings.Replace(sample, "name: web, labels", "name: web-${I}, labels", 1), "about: a sample", "about: a sample\nrepeat: 3")
	for ask, want := range map[int]int{0: 4, 7: 8} {
		s, err := Parse("sample", text, values("incidents-test"), ask)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Manifests) != want || s.Manifests[want-1].GetName() == s.Manifests[1].GetName() {
			t.Errorf("asked for %d: %d documents, want %d with names of their own", ask, len(s.Manifests), want)
		}
	}
}
