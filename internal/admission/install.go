package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	fieldManager = "countersign-install"
	// bindWithin is how long Install waits for the policies. They bind about a
	// second after their creation, and later on a starved machine.
	bindWithin = time.Minute
	probePause = 100 * time.Millisecond
)

// resources maps the kinds that a set holds; discovery would cost round trips
// and knows nothing more.
func resources() map[string]schema.GroupVersionResource {
	rbac := func(r string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: r}
	}
	admission := func(r string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: r}
	}
	return map[string]schema.GroupVersionResource{
		"Namespace":      {Version: "v1", Resource: "namespaces"},
		"ServiceAccount": {Version: "v1", Resource: "serviceaccounts"},
		"ConfigMap":      {Version: "v1", Resource: "configmaps"},
		"Deployment":     {Group: "apps", Version: "v1", Resource: "deployments"},
		"ReplicaSet":     {Group: "apps", Version: "v1", Resource: "replicasets"},
		"Role":           rbac("roles"), "RoleBinding": rbac("rolebindings"),
		"ClusterRole": rbac("clusterroles"), "ClusterRoleBinding": rbac("clusterrolebindings"),
		"NetworkPolicy":                    {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
		"ValidatingAdmissionPolicy":        admission("validatingadmissionpolicies"),
		"ValidatingAdmissionPolicyBinding": admission("validatingadmissionpolicybindings"),
	}
}

// Install sets the wall up with an administrator's connection and returns when
// its policies have been seen to refuse. template is the executor Job
// (jobs.Template.Sample); its completed form is pinned. It may be repeated:
// everything is applied, nothing is deleted.
func Install(ctx context.Context, admin *rest.Config, c Config, template *batchv1.Job) (Set, error) {
	if err := c.check(); err != nil {
		return Set{}, fmt.Errorf("admission configuration: %w", err)
	}
	client, err := dynamic.NewForConfig(quick(admin))
	if err != nil {
		return Set{}, fmt.Errorf("connect as administrator: %w", err)
	}
	for _, object := range c.namespaces() {
		plain, err := plainOf(object)
		if err != nil {
			return Set{}, err
		}
		if err := apply(ctx, client, plain); err != nil {
			return Set{}, err
		}
	}
	defaulted, err := CompleteJob(ctx, admin, c, template)
	if err != nil {
		return Set{}, err
	}
	if len(c.APIServer) == 0 {
		if c.APIServer, err = FindAPIServer(ctx, admin); err != nil {
			return Set{}, err
		}
	}
	set, err := Manifests(c, defaulted)
	if err != nil {
		return Set{}, err
	}
	for _, object := range slices.Concat(set.Accounts, set.Network, set.Policies, set.Probes) {
		if err := apply(ctx, client, object); err != nil {
			return Set{}, err
		}
	}
	if err := awaitWall(ctx, admin, c, set.Wall); err != nil {
		return Set{}, err
	}
	for _, object := range set.RBAC {
		if err := apply(ctx, client, object); err != nil {
			return Set{}, err
		}
	}
	return set, nil
}

// CompleteJob lets the API server complete template by a dry run. It is made in
// Countersign's own namespace, because the wall of an earlier installation
// refuses Jobs of an administrator in the executor namespace.
func CompleteJob(ctx context.Context, admin *rest.Config, c Config, template *batchv1.Job) (*batchv1.Job, error) {
	client, err := kubernetes.NewForConfig(quick(admin))
	if err != nil {
		return nil, fmt.Errorf("connect as administrator: %w", err)
	}
	job := template.DeepCopy()
	job.Namespace = c.Namespace
	done, err := client.BatchV1().Jobs(c.Namespace).Create(ctx, job, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return nil, fmt.Errorf("dry run of the executor job: %w", err)
	}
	return done, nil
}

func apply(ctx context.Context, client dynamic.Interface, object *unstructured.Unstructured) error {
	at, err := resourceOf(client, object)
	if err == nil {
		_, err = at.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	}
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

func resourceOf(client dynamic.Interface, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	gvr, ok := resources()[object.GetKind()]
	if !ok {
		return nil, errors.New("the installer does not know this kind")
	}
	if n := object.GetNamespace(); n != "" {
		return client.Resource(gvr).Namespace(n), nil
	}
	return client.Resource(gvr), nil
}

// Uninstall removes what set holds, rights first; an empty set stands for all
// that c could have installed, for the case that Install broke off. What is gone
// already is no error; namespaces vanish some time after the return.
func Uninstall(ctx context.Context, admin *rest.Config, c Config, set Set) error {
	client, err := dynamic.NewForConfig(quick(admin))
	if err != nil {
		return fmt.Errorf("connect as administrator: %w", err)
	}
	all := set.All()
	if len(all) == 0 {
		if all, err = c.everyObject(); err != nil {
			return err
		}
	}
	slices.Reverse(all)
	var failed []error
	for _, object := range all {
		at, err := resourceOf(client, object)
		if err == nil {
			err = at.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			failed = append(failed, fmt.Errorf("delete %s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(failed...)
}

// everyObject lists what an installation of c consists of, policies by name only.
func (c Config) everyObject() ([]*unstructured.Unstructured, error) {
	objects := slices.Concat(c.namespaces(), c.accounts(), c.network(), c.probeObjects())
	for _, name := range c.PolicyNames() {
		objects = append(objects, newPolicy(name), newBinding(name))
	}
	var all []*unstructured.Unstructured
	for _, object := range append(objects, c.rbac()...) {
		plain, err := plainOf(object)
		if err != nil {
			return nil, err
		}
		all = append(all, plain)
	}
	return all, nil
}

// quick lifts client-go's default of 5 requests a second for an installer.
func quick(conn *rest.Config) *rest.Config {
	c := rest.CopyConfig(conn)
	if c.QPS == 0 {
		c.QPS, c.Burst = 100, 200
	}
	return c
}
