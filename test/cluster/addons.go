package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// corefile answers the cluster's names, and says of every other name that it
// does not exist.
const corefile = `cluster.local in-addr.arpa {
  errors
  kubernetes {
    kubeconfig {DIR}/coredns.kubeconfig
    pods insecure
    ttl 5
  }
}
. {
  errors
  template IN ANY {
    rcode NXDOMAIN
  }
}
`

func (c *Cluster) writeCorefile() error {
	if err := os.WriteFile(c.path("Corefile"), []byte(fill(corefile, "{DIR}", c.dir)), 0o644); err != nil {
		return fmt.Errorf("writing the Corefile: %w", err)
	}
	return nil
}

// addonObjects are what the two addons need in the cluster: rights, and
// Services that lead to the node, where they run as ordinary processes.
const addonObjects = `
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: countersign-cluster:coredns}, rules: [
  {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]},
  {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: countersign-cluster:coredns},
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: countersign-cluster:coredns},
  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: countersign-cluster:coredns}]}
---
{apiVersion: v1, kind: Service, metadata: {name: kube-dns, namespace: kube-system}, spec: {clusterIP: "{DNS}", ports: [
  {name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [{addresses: ["{NODE}"], conditions: {ready: true}}],
  metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns, endpointslice.kubernetes.io/managed-by: countersign-cluster}},
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: countersign-cluster:metrics-server}, rules: [
  {apiGroups: [""], resources: [nodes/metrics], verbs: [get]},
  {apiGroups: [""], resources: [pods, nodes], verbs: [get, list, watch]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: countersign-cluster:metrics-server},
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: countersign-cluster:metrics-server},
  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: countersign-cluster:metrics-server}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: countersign-cluster:metrics-server-delegation},
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:auth-delegator"},
  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: countersign-cluster:metrics-server}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: countersign-cluster:metrics-server, namespace: kube-system},
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader},
  subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: countersign-cluster:metrics-server}]}
---
{apiVersion: v1, kind: Service, metadata: {name: metrics-server, namespace: kube-system}, spec: {ports: [{name: https, port: 443, targetPort: {METRICS}}]}}
---
{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [{addresses: ["{NODE}"], conditions: {ready: true}}],
  metadata: {name: metrics-server, namespace: kube-system, labels: {kubernetes.io/service-name: metrics-server, endpointslice.kubernetes.io/managed-by: countersign-cluster}},
  ports: [{name: https, port: {METRICS}, protocol: TCP}]}
---
{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.metrics.k8s.io}, spec: {
  group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, caBundle: "{CA}",
  service: {name: metrics-server, namespace: kube-system}}}
`

const metricsPort = "10443"

// resources maps the kinds of addonObjects to what the API calls them; a
// discovery round trip for eight kinds would cost more than the table.
func resources() map[string]string {
	return map[string]string{
		"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "RoleBinding": "rolebindings",
		"Service": "services", "EndpointSlice": "endpointslices", "APIService": "apiservices",
	}
}

func (c *Cluster) startAddons(ctx context.Context) error {
	if err := c.createAddonObjects(ctx); err != nil {
		return err
	}
	if err := c.start("coredns", c.bin("coredns"), "-conf="+c.path("Corefile")); err != nil {
		return err
	}
	kubeconfig := c.path("metrics-server.kubeconfig")
	return c.start("metrics-server", c.bin("metrics-server"), "--kubeconfig="+kubeconfig,
		"--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address="+c.plan.node, "--secure-port="+metricsPort,
		"--tls-cert-file="+c.pki("metrics-server.crt"), "--tls-private-key-file="+c.pki("metrics-server.key"),
		"--kubelet-certificate-authority="+c.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--metric-resolution=15s")
}

func (c *Cluster) createAddonObjects(ctx context.Context) error {
	client, err := dynamic.NewForConfig(c.admin)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	ca, err := os.ReadFile(c.pki("ca.crt"))
	if err != nil {
		return fmt.Errorf("reading the authority: %w", err)
	}
	text := fill(addonObjects, "{DNS}", c.plan.dnsIP, "{NODE}", c.plan.node, "{METRICS}", metricsPort, "{CA}", base64.StdEncoding.EncodeToString(ca))
	resource := resources()
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return fmt.Errorf("reading an addon's object: %w", err)
		}
		gvk := object.GroupVersionKind()
		gvr := schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: resource[gvk.Kind]}
		api := client.Resource(gvr)
		if ns := object.GetNamespace(); ns != "" {
			_, err = api.Namespace(ns).Create(ctx, object, metav1.CreateOptions{})
		} else {
			_, err = api.Create(ctx, object, metav1.CreateOptions{})
		}
		if err != nil {
			return fmt.Errorf("creating %s %s: %w", gvk.Kind, object.GetName(), err)
		}
	}
	return nil
}

// waitUsable returns when a person would call the cluster up.
func (c *Cluster) waitUsable(ctx context.Context) error {
	for _, w := range []struct {
		what string
		ask  func(context.Context) error
	}{
		{"the node", c.nodeReady},
		{"the default ServiceAccount", c.defaultAccount},
		{"DNS", c.dnsAnswers},
		{"the metrics API", c.metricsRegistered},
	} {
		if err := c.waitFor(ctx, w.what, time.Minute, w.ask); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) nodeReady(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	node, err := client.CoreV1().Nodes().Get(ctx, NodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			// A taint of a node that was not ready yet is removed a moment later.
			if condition.Status == corev1.ConditionTrue && len(node.Spec.Taints) == 0 {
				return nil
			}
			return fmt.Errorf("%s, taints %v", condition.Message, node.Spec.Taints)
		}
	}
	return errors.New("the kubelet has not reported yet")
}

func (c *Cluster) defaultAccount(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
	return err
}

// dnsAnswers asks by the Service's address, so that it proves the proxy too.
func (c *Cluster) dnsAnswers(ctx context.Context) error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, net.JoinHostPort(c.plan.dnsIP, "53"))
	}}
	found, err := resolver.LookupHost(ctx, "kubernetes.default.svc.cluster.local.")
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0] != c.plan.apiIP {
		return fmt.Errorf("kubernetes.default.svc is %v, want %s", found, c.plan.apiIP)
	}
	return nil
}

func (c *Cluster) metricsRegistered(ctx context.Context) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	return client.Discovery().RESTClient().Get().AbsPath("/apis/metrics.k8s.io/v1beta1").Do(ctx).Error()
}

// fill replaces {NAMES} in a template that has braces of its own.
func fill(text string, oldNew ...string) string { return strings.NewReplacer(oldNew...).Replace(text) }
