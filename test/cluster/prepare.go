package cluster

import (
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
)

// path is a file in the cluster's directory.
func (c *Cluster) path(parts ...string) string {
	return filepath.Join(append([]string{c.dir}, parts...)...)
}

func (c *Cluster) pki(file string) string { return c.path("pki", file) }

func (c *Cluster) bin(name string) string { return c.binaries[name] }

// prepare writes everything that is known before the first process starts.
func (c *Cluster) prepare(context.Context) error {
	for _, sub := range []string{"logs", "pids", "pki", "cni", "containerd", "kubelet", "pod-logs", "plugins", "images"} {
		if err := os.MkdirAll(c.path(sub), 0o755); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
	}
	if err := os.Chmod(c.path("pki"), 0o700); err != nil {
		return fmt.Errorf("closing the directory of keys: %w", err)
	}
	if err := c.certificates(); err != nil {
		return err
	}
	for _, name := range clients() {
		if err := c.writeKubeconfig(name.file); err != nil {
			return err
		}
	}
	for _, write := range []func() error{c.writeCNI, c.writeContainerd, c.writeKubelet, c.writeCorefile, c.loadAdmin} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

type client struct {
	file    string
	subject pkix.Name
}

// clients are those who talk to the API server, by the names that Kubernetes'
// own bootstrap roles expect; the last two get roles in addons.go.
func clients() []client {
	return []client{
		{"admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}},
		{"controller-manager", pkix.Name{CommonName: "system:kube-controller-manager"}},
		{"scheduler", pkix.Name{CommonName: "system:kube-scheduler"}},
		{"proxy", pkix.Name{CommonName: "system:kube-proxy"}},
		{"kubelet", pkix.Name{CommonName: "system:node:" + NodeName, Organization: []string{"system:nodes"}}},
		{"coredns", pkix.Name{CommonName: "countersign-cluster:coredns"}},
		{"metrics-server", pkix.Name{CommonName: "countersign-cluster:metrics-server"}},
	}
}

func (c *Cluster) certificates() error {
	ca, err := newAuthority(c.path("pki"), "ca")
	if err != nil {
		return err
	}
	for _, cl := range clients() {
		// The kubelet and metrics-server serve with the same certificate.
		if err := ca.issue(cl.file, cl.subject, NodeName, c.plan.node, "metrics-server.kube-system.svc"); err != nil {
			return err
		}
	}
	if err := ca.issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, "localhost", "127.0.0.1", c.plan.node, c.plan.apiIP,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"); err != nil {
		return err
	}
	if err := ca.issue("apiserver-to-kubelet", pkix.Name{CommonName: "kube-apiserver", Organization: []string{"system:masters"}}); err != nil {
		return err
	}
	// The aggregation layer vouches for users towards metrics-server; an
	// authority of its own keeps other clients from doing the same.
	proxies, err := newAuthority(c.path("pki"), "front-proxy-ca")
	if err != nil {
		return err
	}
	if err := proxies.issue("front-proxy", pkix.Name{CommonName: "front-proxy-client"}); err != nil {
		return err
	}
	return writeServiceAccountKeys(c.path("pki"))
}
