package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// certificate makes the Secret that Gatekeeper's own rotation would make: it
// writes to a mounted Secret, which the kubelet shows the pod up to a minute
// later.
func (g *Gatekeeper) certificate() (*unstructured.Unstructured, error) {
	ca, err := newAuthority(g.c.path("pki"), "gatekeeper-ca")
	if err != nil {
		return nil, err
	}
	if err := ca.issue("gatekeeper", pkix.Name{CommonName: "gatekeeper"}, "gatekeeper-webhook-service."+gatekeeperNamespace+".svc"); err != nil {
		return nil, err
	}
	data := map[string]any{}
	for key, file := range map[string]string{"ca.crt": "gatekeeper-ca.crt", "tls.crt": "gatekeeper.crt", "tls.key": "gatekeeper.key"} {
		text, err := os.ReadFile(g.c.pki(file))
		if err != nil {
			return nil, fmt.Errorf("reading Gatekeeper's certificate: %w", err)
		}
		if key == "ca.crt" {
			g.CABundle = text
		}
		data[key] = string(text)
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret",
		"metadata":   map[string]any{"name": "gatekeeper-webhook-server-cert", "namespace": gatekeeperNamespace},
		"stringData": data,
	}}, nil
}

// gatekeeperObjects are the manifests of the pinned module, less what this
// cluster does not use: the audit, mutation, and the registrations, one of which
// fails closed for everybody who makes a namespace.
func gatekeeperObjects(ctx context.Context, image string, secret *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", gatekeeperModule)
	cmd.Dir, cmd.Env = filepath.Join(root, "test", "tools", "gatekeeper"), append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly")
	dir, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("finding the source of Gatekeeper: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "deploy", "gatekeeper.yaml"))
	if err != nil {
		return nil, fmt.Errorf("reading Gatekeeper's manifests: %w", err)
	}
	var objects []*unstructured.Unstructured
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("reading Gatekeeper's manifests: %w", err)
		}
		switch object.GetKind() {
		case "", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "PodDisruptionBudget":
			continue
		case "Secret":
			object = secret
		case "Deployment":
			if object.GetName() != gatekeeperName {
				continue
			}
			if err := adapt(object, image, secret); err != nil {
				return nil, err
			}
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// adapt makes the upstream Deployment one pod of the built image that does
// everything, is quick to be seen ready, and quick to end.
func adapt(deployment *unstructured.Unstructured, image string, secret *unstructured.Unstructured) error {
	data, _, _ := unstructured.NestedStringMap(secret.Object, "stringData")
	sum := sha256.Sum256([]byte(data["tls.crt"]))
	pod := []string{"spec", "template", "spec"}
	containers, _, err := unstructured.NestedSlice(deployment.Object, append(pod, "containers")...)
	if err != nil {
		return fmt.Errorf("adapting Gatekeeper's Deployment: %w", err)
	}
	if len(containers) != 1 {
		return fmt.Errorf("adapting Gatekeeper's Deployment: it has %d containers, want 1", len(containers))
	}
	manager, _ := containers[0].(map[string]any)
	manager["image"], manager["imagePullPolicy"] = image, "IfNotPresent"
	manager["args"] = []any{
		"--port=8443", "--logtostderr", "--log-denies", "--disable-opa-builtin={http.send}", "--disable-cert-rotation", "--shutdown-delay=0",
		"--operation=webhook", "--operation=generate", "--operation=status",
	}
	if probe, ok := manager["readinessProbe"].(map[string]any); ok {
		probe["periodSeconds"] = int64(1)
	}
	for _, set := range []struct {
		value any
		at    []string
	}{
		{containers, append(slices.Clone(pod), "containers")},
		{int64(5), append(slices.Clone(pod), "terminationGracePeriodSeconds")},
		// A new certificate means a new pod.
		{hex.EncodeToString(sum[:6]), []string{"spec", "template", "metadata", "annotations", "certificate"}},
		{"Recreate", []string{"spec", "strategy", "type"}},
		{int64(1), []string{"spec", "replicas"}},
	} {
		if err := unstructured.SetNestedField(deployment.Object, set.value, set.at...); err != nil {
			return fmt.Errorf("adapting Gatekeeper's Deployment: %w", err)
		}
	}
	return nil
}
