package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

const (
	gatekeeperModule    = "github.com/open-policy-agent/gatekeeper/v3"
	gatekeeperNamespace = "gatekeeper-system"
	gatekeeperName      = "gatekeeper-controller-manager"
	gatekeeperImage     = "registry.example/gatekeeper:built"
)

// Gatekeeper is the real one, in a pod of the cluster: built from the module that
// test/tools/gatekeeper pins, installed with that module's own manifests. It is
// registered nowhere: whoever tests says which requests it reviews.
type Gatekeeper struct {
	c       *Cluster
	client  dynamic.Interface
	objects []*unstructured.Unstructured
	// CABundle is the authority of its certificate, for a registration.
	CABundle []byte
}

// Gatekeeper installs Gatekeeper and returns when it is ready. There is one in a
// cluster; installing it again replaces it. The first call builds it.
func (c *Cluster) Gatekeeper(ctx context.Context) (*Gatekeeper, error) {
	if c.foreign {
		return nil, ErrForeignCluster
	}
	image, err := c.loadGatekeeper(ctx)
	if err != nil {
		return nil, err
	}
	conn := rest.CopyConfig(c.admin)
	conn.QPS, conn.Burst = 100, 200
	client, err := dynamic.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	g := &Gatekeeper{c: c, client: client}
	secret, err := g.certificate()
	if err != nil {
		return nil, err
	}
	if g.objects, err = gatekeeperObjects(ctx, image, secret); err != nil {
		return nil, err
	}
	for _, object := range g.objects {
		if err := g.apply(ctx, object); err != nil {
			return nil, fmt.Errorf("installing Gatekeeper's %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return g, g.waitPods(ctx, 1)
}

// Stop ends Gatekeeper's pod; everything else of it stays. It returns when the
// pod is gone. Installing it again starts it.
func (g *Gatekeeper) Stop(ctx context.Context) error {
	if _, err := g.deployments().Patch(ctx, gatekeeperName, types.MergePatchType, []byte(`{"spec":{"replicas":0}}`), metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("stopping Gatekeeper: %w", err)
	}
	return g.waitPods(ctx, 0)
}

// Remove takes Gatekeeper out of the cluster, with its CRDs and so with every
// template and constraint. Registrations are the caller's to remove first.
func (g *Gatekeeper) Remove(ctx context.Context) error {
	var failed []error
	// Its own templates and constraints came last and go first.
	for _, object := range slices.Backward(g.objects) {
		if err := g.at(object).Delete(ctx, object.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("removing Gatekeeper's %s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(failed...)
}

// waitPods waits until exactly so many pods of Gatekeeper exist and are ready.
func (g *Gatekeeper) waitPods(ctx context.Context, want int64) error {
	pods := g.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(gatekeeperNamespace)
	return g.c.waitFor(ctx, "Gatekeeper", 2*time.Minute, func(ctx context.Context) error {
		d, err := g.deployments().Get(ctx, gatekeeperName, metav1.GetOptions{})
		if err != nil {
			return err
		}
		status := func(field string) int64 {
			n, _, _ := unstructured.NestedInt64(d.Object, "status", field)
			return n
		}
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if status("observedGeneration") != d.GetGeneration() || status("readyReplicas") != want || status("updatedReplicas") != want || int64(len(list.Items)) != want {
			return fmt.Errorf("%d pods, %d ready, want %d", len(list.Items), status("readyReplicas"), want)
		}
		return nil
	})
}

func (g *Gatekeeper) deployments() dynamic.ResourceInterface {
	return g.client.Resource(schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(gatekeeperNamespace)
}

func (g *Gatekeeper) at(object *unstructured.Unstructured) dynamic.ResourceInterface {
	gvk := object.GroupVersionKind()
	resource := strings.ToLower(gvk.Kind)
	if gvk.Group != "constraints.gatekeeper.sh" { // Gatekeeper forms no plural for these
		resource += "s"
	}
	api := g.client.Resource(gvk.GroupVersion().WithResource(resource))
	if ns := object.GetNamespace(); ns != "" {
		return api.Namespace(ns)
	}
	return api
}

func (g *Gatekeeper) apply(ctx context.Context, object *unstructured.Unstructured) error {
	_, err := g.at(object).Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "countersign-cluster", Force: true})
	return err
}

// Enforce installs the template in gatekeeper/DIR with one constraint of it, and
// returns when Gatekeeper says that it enforces that.
func (g *Gatekeeper) Enforce(ctx context.Context, dir string, constraint *unstructured.Unstructured) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "gatekeeper", dir, "template.yaml"))
	if err != nil {
		return fmt.Errorf("reading a template: %w", err)
	}
	template := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &template.Object); err != nil {
		return fmt.Errorf("reading the template of %s: %w", dir, err)
	}
	for _, object := range []*unstructured.Unstructured{template, constraint} {
		// Gatekeeper makes the constraint's CRD from the template a moment later.
		if err := g.c.waitFor(ctx, object.GetKind(), time.Minute, func(ctx context.Context) error { return g.apply(ctx, object) }); err != nil {
			return err
		}
		g.objects = append(g.objects, object)
	}
	return g.c.waitFor(ctx, constraint.GetName(), time.Minute, func(ctx context.Context) error {
		live, err := g.at(constraint).Get(ctx, constraint.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		pods, _, _ := unstructured.NestedSlice(live.Object, "status", "byPod")
		for _, p := range pods {
			if pod, ok := p.(map[string]any); ok && pod["enforced"] == true {
				return nil
			}
		}
		return errors.New("Gatekeeper does not enforce it yet")
	})
}

func (c *Cluster) loadGatekeeper(ctx context.Context) (string, error) {
	dir, err := BuildTools(ctx, "gatekeeper", c.log)
	if err != nil {
		return "", err
	}
	image, err := BinaryImage("/manager", filepath.Join(dir, "gatekeeper"), 1000)
	if err != nil {
		return "", err
	}
	return c.LoadImage(ctx, gatekeeperImage, image)
}
