package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// startStores starts what depends on nothing, and the registry that answers
// for every well-known registry's name.
func (c *Cluster) startStores(ctx context.Context) error {
	if err := c.startEtcd(ctx); err != nil {
		return err
	}
	if err := c.start("registry", c.bin("registry"), "--address="+net.JoinHostPort(c.plan.node, registryPort)); err != nil {
		return err
	}
	if err := c.start("containerd", "containerd", "--config="+c.path("containerd.toml")); err != nil {
		return err
	}
	if err := c.waitFor(ctx, "containerd and the registry", 30*time.Second, func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(c.plan.node, registryPort))
		if err != nil {
			return err
		}
		_ = conn.Close()
		return run("ctr", "--address="+c.containerdSocket(), "version")
	}); err != nil {
		return err
	}
	return c.loadBaseImages(ctx)
}

func (c *Cluster) startEtcd(context.Context) error {
	return c.start("etcd", "etcd", "--data-dir="+c.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=default=http://127.0.0.1:2380")
}

func (c *Cluster) startAPIServer(ctx context.Context, extra []string) error {
	args := append([]string{
		"--etcd-servers=http://127.0.0.1:2379",
		"--service-cluster-ip-range=" + c.plan.svcs,
		"--bind-address=" + c.plan.node, "--advertise-address=" + c.plan.node, "--secure-port=6443",
		"--tls-cert-file=" + c.pki("apiserver.crt"), "--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + c.pki("sa.pub"), "--service-account-signing-key-file=" + c.pki("sa.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--kubelet-certificate-authority=" + c.pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + c.pki("apiserver-to-kubelet.crt"), "--kubelet-client-key=" + c.pki("apiserver-to-kubelet.key"),
		"--requestheader-client-ca-file=" + c.pki("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + c.pki("front-proxy.crt"), "--proxy-client-key-file=" + c.pki("front-proxy.key"),
		"--enable-aggregator-routing=true", "--profiling=false",
	}, extra...)
	if err := c.start("apiserver", c.bin("kube-apiserver"), args...); err != nil {
		return err
	}
	return c.waitFor(ctx, "the API server", time.Minute, func(ctx context.Context) error { return ready(ctx, c) })
}

func (c *Cluster) startControllerManager(extra []string) error {
	args := append([]string{
		"--kubeconfig=" + c.path("controller-manager.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
		// Every second, not every five: a node stays tainted until it is seen ready.
		"--node-monitor-period=1s",
		// Its thirty controllers ask for a token each before anything works.
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--use-service-account-credentials=true", "--service-account-private-key-file=" + c.pki("sa.key"),
		"--root-ca-file=" + c.pki("ca.crt"), "--profiling=false",
	}, extra...)
	return c.start("controller-manager", c.bin("kube-controller-manager"), args...)
}

func (c *Cluster) startScheduler() error {
	return c.start("scheduler", c.bin("kube-scheduler"), "--kubeconfig="+c.path("scheduler.kubeconfig"),
		"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false")
}

// ready asks the API server whether it is.
func ready(ctx context.Context, c *Cluster) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var status int
	res := client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status)
	if err := res.Error(); err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("readyz answers %d", status)
	}
	return nil
}

// waitFor polls ten times a second until ask finds nothing to complain about.
// It gives up early when a component has ended.
func (c *Cluster) waitFor(ctx context.Context, what string, patience time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		if dead := c.dead(); dead != nil {
			return dead
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
			}
			return fmt.Errorf("%s not ready within %s, logs are in %s: %w", what, patience, c.path("logs"), err)
		case <-tick.C:
		}
	}
}
