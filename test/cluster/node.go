package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

const pauseImage = "registry.k8s.io/pause:3.10"

// containerdConfig keeps containerd 1.6 entirely inside the cluster's
// directory, away from one that the machine may run.
const containerdConfig = `version = 2
root = "{DIR}/containerd/root"
state = "{DIR}/containerd/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{DIR}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{DIR}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE a container cannot be given a lower score than
  # containerd's own, and runc would fail with "can't get final child's PID".
  restrict_oom_score_adj = true
  sandbox_image = "{PAUSE}"
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI}"
    conf_dir = "{DIR}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{DIR}/registries"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{DIR}/runc"
`

func (c *Cluster) containerdSocket() string { return c.path("containerd.sock") }

func (c *Cluster) writeContainerd() error {
	cni, err := cniPlugins()
	if err != nil {
		return err
	}
	text := fill(containerdConfig, "{DIR}", c.dir, "{PAUSE}", pauseImage, "{CNI}", cni)
	if err := os.WriteFile(c.path("containerd.toml"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing containerd's configuration: %w", err)
	}
	return c.writeRegistries()
}

// writeKubelet writes the kubelet's configuration. It is the kubelet's default
// but for places, addresses and what a machine with little disk needs.
func (c *Cluster) writeKubelet() error {
	text, err := yaml.Marshal(map[string]any{
		"apiVersion":     "kubelet.config.k8s.io/v1beta1",
		"kind":           "KubeletConfiguration",
		"address":        c.plan.node,
		"authentication": map[string]any{"anonymous": map[string]any{"enabled": false}, "webhook": map[string]any{"enabled": true}, "x509": map[string]any{"clientCAFile": c.pki("ca.crt")}},
		"authorization":  map[string]any{"mode": "Webhook"},
		"tlsCertFile":    c.pki("kubelet.crt"), "tlsPrivateKeyFile": c.pki("kubelet.key"),
		"cgroupDriver": "cgroupfs", "cgroupRoot": "/" + c.plan.name, "failCgroupV1": false,
		"failSwapOn": false, "oomScoreAdj": 0,
		"containerRuntimeEndpoint": "unix://" + c.containerdSocket(),
		"clusterDNS":               []string{c.plan.dnsIP}, "clusterDomain": "cluster.local", "resolvConf": c.path("resolv.conf"),
		"podLogsDir": c.path("pod-logs"), "volumePluginDir": c.path("plugins"),
		"maxPods": 200, "serializeImagePulls": false,
		// Images came by hand and cannot be fetched again, so none is ever
		// collected; and a full disk is the machine's trouble, not the node's.
		"imageGCHighThresholdPercent": 100,
		"evictionHard":                map[string]string{"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
	})
	if err != nil {
		return fmt.Errorf("encoding the kubelet's configuration: %w", err)
	}
	if err := os.WriteFile(c.path("kubelet.yaml"), text, 0o644); err != nil {
		return fmt.Errorf("writing the kubelet's configuration: %w", err)
	}
	if err := os.WriteFile(c.path("resolv.conf"), []byte("nameserver "+c.plan.node+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing the node's resolv.conf: %w", err)
	}
	return nil
}

// startNode starts the scheduler, the kubelet and the proxy at once: each of
// them only needs the API server.
func (c *Cluster) startNode(context.Context) error {
	if err := c.startScheduler(); err != nil {
		return err
	}
	if err := c.plan.createCgroups(); err != nil {
		return err
	}
	if err := c.start("kubelet", c.bin("kubelet"), "--config="+c.path("kubelet.yaml"), "--kubeconfig="+c.path("kubelet.kubeconfig"),
		"--hostname-override="+NodeName, "--node-ip="+c.plan.node, "--root-dir="+c.path("kubelet"), "--cert-dir="+c.path("pki"),
		"--containerd="+c.containerdSocket()); err != nil {
		return err
	}
	// The conntrack limits are the machine's, not the namespace's: left alone.
	return c.start("proxy", c.bin("kube-proxy"), "--kubeconfig="+c.path("proxy.kubeconfig"), "--hostname-override="+NodeName,
		"--proxy-mode=iptables", "--cluster-cidr="+c.plan.pods, "--oom-score-adj=0",
		"--healthz-bind-address=127.0.0.1:10256", "--metrics-bind-address=127.0.0.1:10249",
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0")
}

// cniPlugins finds the plugins where Debian or everybody else puts them.
func cniPlugins() (string, error) {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin"} {
		if _, err := os.Stat(filepath.Join(dir, "ptp")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no CNI plugins in /usr/lib/cni or /opt/cni/bin: install containernetworking-plugins")
}
