package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// createNamespaces makes a network and a mount namespace, both held by one
// sleeping process and by nothing else: when the cluster's processes are gone
// so are its mounts, addresses and iptables rules.
func (c *Cluster) createNamespaces(ctx context.Context) (err error) {
	if c.holder, err = c.spawn("namespaces", "unshare", "--net", "--mount", "--", "sleep", "infinity"); err != nil {
		return err
	}
	// unshare has done its work when it has become sleep.
	if err := c.waitFor(ctx, "the namespaces", 5*time.Second, func(context.Context) error {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.holder))
		if err == nil && strings.TrimSpace(string(name)) != "sleep" {
			err = fmt.Errorf("the process is still %q", name)
		}
		return err
	}); err != nil {
		return err
	}
	if err := c.arrangeMounts(); err != nil {
		return err
	}
	return c.arrangeNetwork()
}

// fixedPlaces are where containerd, libcni and the kubelet write whatever their
// configuration says. In the cluster's mount namespace its own directory lies
// over them.
func fixedPlaces() []string {
	return []string{"/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers"}
}

func (c *Cluster) arrangeMounts() error {
	// Shared among the cluster's own processes, as volumes with mount
	// propagation need it; nothing gets out to the machine.
	if err := c.inside("mount", "--make-rprivate", "/"); err != nil {
		return err
	}
	if err := c.inside("mount", "--make-rshared", "/"); err != nil {
		return err
	}
	for _, place := range fixedPlaces() {
		own := c.path("places", filepath.Base(place))
		for _, dir := range []string{place, own} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("making a place to mount on: %w", err)
			}
		}
		if err := c.inside("mount", "--bind", own, place); err != nil {
			return err
		}
	}
	// containerd resolves the names of registries by this file. The machine's
	// own name server is out of reach, which would look like a broken network
	// where the true answer is that there is no such host.
	return c.inside("mount", "--bind", c.path("resolv.conf"), "/etc/resolv.conf")
}

// arrangeNetwork links the namespace to the machine and to nothing else: there
// is no default route, so a connection to anywhere else fails at once.
func (c *Cluster) arrangeNetwork() error {
	p := c.plan
	peer := p.link + "-peer"
	for _, args := range [][]string{
		{"link", "add", p.link, "type", "veth", "peer", "name", peer},
		{"link", "set", peer, "netns", strconv.Itoa(c.holder)},
		{"addr", "add", p.host + "/24", "dev", p.link},
		{"link", "set", p.link, "up"},
		{"route", "add", p.pods, "via", p.node},
		{"route", "add", p.svcs, "via", p.node},
	} {
		if err := run("ip", args...); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "set", peer, "name", "uplink"},
		{"ip", "addr", "add", p.node + "/24", "dev", "uplink"},
		{"ip", "link", "set", "uplink", "up"},
		{"sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"},
	} {
		if err := c.inside(args...); err != nil {
			return err
		}
	}
	return nil
}

// ptp rather than bridge: every packet between pods is routed by the node, so
// Services work without the br_netfilter module, which a small machine may not
// have.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": %q,
  "plugins": [
    {"type": "ptp", "ipMasq": false, "ipam": {
      "type": "host-local", "dataDir": %q,
      "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`

func (c *Cluster) writeCNI() error {
	text := fmt.Sprintf(cniConfig, c.plan.name, filepath.Join(c.dir, "cni", "addresses"), c.plan.pods)
	if err := os.WriteFile(filepath.Join(c.dir, "cni", "10-pods.conflist"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing the CNI configuration: %w", err)
	}
	return nil
}
