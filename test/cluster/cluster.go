// Package cluster brings up a real one-node Kubernetes on a bare Linux
// machine and takes it down again without a trace: etcd, API server,
// controller manager, scheduler, kubelet on containerd, kube-proxy, CoreDNS,
// metrics-server and an image registry, as ordinary processes in a network and a
// mount namespace of their own.
//
// The namespaces are what keeps clusters and the machine apart: no port, mount
// or iptables rule of the machine is touched, two clusters run side by side,
// and nothing in a cluster reaches further than the machine itself. The machine
// sees one end of a veth pair, named cs0, cs1, …, and the routes through it.
//
// The package does not test anything by itself, offers no high availability,
// and does not supervise: a component that dies stays dead, and Running says so.
package cluster

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// NodeName is the name of the only node.
const NodeName = "node1"

// Config says where a cluster lives and how long.
type Config struct {
	// Dir holds everything the cluster writes; it is removed by Down. The
	// default is DefaultDir. An existing directory that is not a cluster's is
	// refused.
	Dir string
	// Log receives progress, one line at a time. Nil keeps silent.
	Log func(string)
	// Detach leaves the cluster running when the process ends. Without it the
	// cluster belongs to this process, and the next Up of anybody clears it
	// away when the process was killed.
	Detach bool
	// APIServerArgs and ControllerArgs are added to the flags of the API server
	// and of the controller manager, when this Up starts them; a later flag wins.
	APIServerArgs, ControllerArgs []string
	// ControlPlane leaves out the scheduler and everything on the node: pods are
	// made and stay as they are, unless a test writes their status itself.
	ControlPlane bool
}

// Cluster is a Kubernetes that answers.
type Cluster struct {
	dir        string
	plan       plan
	slot       *slot // held by the owner; nil when attached
	processes  []*process
	holder     int // the process that holds the namespaces
	binaries   map[string]string
	log        func(string)
	admin      *rest.Config
	kubeconfig string
	attached   bool
	foreign    bool // named by the user: never taken down, images are theirs
}

// DefaultDir is where `make cluster-up` keeps its cluster.
func DefaultDir() string { return filepath.Join(os.TempDir(), "countersign-cluster") }

// Up returns a running cluster in cfg.Dir. One that already runs there and is
// whole is returned as it is; the remains of one that was killed are cleared
// away first.
func Up(ctx context.Context, cfg Config) (*Cluster, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	dir, err := absolute(cfg.Dir)
	if err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = func(string) {}
	}
	if err := installPackages(ctx, log); err != nil {
		return nil, err
	}
	binaries, err := build(ctx, log)
	if err != nil {
		return nil, err
	}
	sl, running, err := takeSlot(ctx, dir, log)
	if err != nil {
		return nil, err
	}
	if running {
		return attach(dir, sl.plan)
	}
	c := &Cluster{dir: dir, plan: sl.plan, slot: sl, binaries: binaries, log: log, kubeconfig: filepath.Join(dir, "admin.kubeconfig")}
	if err := c.bringUp(ctx, cfg); err != nil {
		if down := c.Down(); down != nil {
			err = fmt.Errorf("%w (and taking it down: %w)", err, down)
		}
		return nil, err
	}
	if cfg.Detach {
		c.slot, c.attached = nil, true
	}
	return c, nil
}

// bringUp is the order in which a cluster comes to life, and nothing else.
func (c *Cluster) bringUp(ctx context.Context, cfg Config) error {
	begin := time.Now()
	type step struct {
		what string
		do   func(context.Context) error
	}
	apiServer := step{"API server", func(ctx context.Context) error { return c.startAPIServer(ctx, cfg.APIServerArgs) }}
	controllers := func(context.Context) error { return c.startControllerManager(cfg.ControllerArgs) }
	steps := []step{
		{"directories and certificates", c.prepare},
		{"namespaces and network", c.createNamespaces},
		{"etcd and containerd", c.startStores},
		apiServer,
		{"controllers", controllers},
		{"scheduler and node", c.startNode},
		{"DNS and metrics", c.startAddons},
		{"node ready, DNS answering, metrics registered", c.waitUsable},
	}
	if cfg.ControlPlane {
		steps = append(steps[:2:2], step{"etcd", c.startEtcd}, apiServer, step{"controllers", controllers},
			step{"the first ServiceAccount", func(ctx context.Context) error {
				return c.waitFor(ctx, "the default ServiceAccount", time.Minute, c.defaultAccount)
			}})
	}
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("bringing up %s: %w", step.what, err)
		}
		c.log(fmt.Sprintf("%5.1fs  %s", time.Since(begin).Seconds(), step.what))
	}
	return c.slot.ready(cfg.Detach)
}

// Down ends everything Up started and removes Dir. A cluster named by the user
// is left alone. Calling it twice is harmless.
func (c *Cluster) Down() error {
	if c.foreign {
		return nil
	}
	unlock, err := lockSlots()
	if err != nil {
		return err
	}
	defer unlock()
	sl := c.slot
	if sl == nil {
		if sl, err = findSlot(c.dir); err != nil || sl == nil {
			return err
		}
	}
	if err := sl.clear(); err != nil {
		return err
	}
	for _, p := range c.processes {
		<-p.exited
	}
	c.processes, c.slot = nil, nil
	return nil
}

// Close takes the cluster down when this process brought it up for itself, and
// leaves a cluster alone that was running before.
func (c *Cluster) Close() error {
	if c.attached || c.foreign {
		return nil
	}
	return c.Down()
}

// AdminConfig is a copy of the administrator's client configuration. Roles
// under test use ServiceAccountToken instead.
func (c *Cluster) AdminConfig() *rest.Config { return rest.CopyConfig(c.admin) }

// Kubeconfig is the path of the administrator's kubeconfig. It is empty for a
// cluster named by the user, who has one.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Dir is where the cluster keeps its state and, under logs, what its
// components say.
func (c *Cluster) Dir() string { return c.dir }

// HostAddress is the machine's own address as pods see it. A server of the
// test that pods shall reach listens there.
func (c *Cluster) HostAddress() string { return c.plan.host }

func (c *Cluster) client() (*kubernetes.Clientset, error) {
	return kubernetes.NewForConfig(c.admin)
}

// loadAdmin reads the kubeconfig that prepare wrote.
func (c *Cluster) loadAdmin() error {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.kubeconfig)
	if err != nil {
		return fmt.Errorf("reading the administrator's kubeconfig: %w", err)
	}
	// The harness and the tests share this client; the default of five
	// requests a second would make them wait for themselves.
	cfg.QPS, cfg.Burst = 200, 400
	// A proxy of the machine knows nothing of the cluster.
	cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	c.admin = cfg
	return nil
}

func absolute(dir string) (string, error) {
	if dir == "" {
		dir = DefaultDir()
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the cluster's directory: %w", err)
	}
	// The longest socket below Dir is the kubelet's pod-resources socket, and
	// a socket's path ends at 107 bytes.
	if len(abs) > 64 {
		return "", fmt.Errorf("the cluster's directory %s has more than 64 characters, too long for the sockets in it: choose a shorter one", abs)
	}
	return abs, nil
}
