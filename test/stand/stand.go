// Package stand sets a whole Countersign up around a real cluster: the wall is
// installed, the executor's image is in the node, each role has a kubeconfig
// with a token of its own account, the stand-in for Slack listens, and the
// product runs as a process of its own, as an operator would start it. The demo
// and the stories share it; the product does not know it.
package stand

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/app"
	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// Config of a Stand.
type Config struct {
	// Name separates the stands that share a cluster; it is part of namespaces
	// and of the names of cluster-scoped objects.
	Name string
	// Namespaces are made, watched and opened to the executors.
	Namespaces []string
	Slack      slackstub.Config
	// Env is added to the product's environment and wins over the stand's own.
	Env map[string]string
	// Gatekeeper asks a real one, too, about what the stand's accounts write. A
	// cluster has one: no two such stands at a time.
	Gatekeeper bool
	Log        func(string)
}

// Stand is a Countersign with everything around it.
type Stand struct {
	Cluster *cluster.Cluster
	Slack   *slackstub.Server
	Kube    kubernetes.Interface // as administrator, for what a test does itself
	Dir     string
	Wall    admission.Config

	cfg       Config
	set       admission.Set
	settings  map[string]string
	binary    string
	processes []*Process // the latest last
	lock      *os.File
	keeper    gatekeeper
}

// takeLock keeps two stands of one name apart: they would share namespaces, and
// the first to end would take the other's away.
func takeLock(name string) (*os.File, error) {
	path := filepath.Join(os.TempDir(), "countersign-stand-"+name+".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another %q runs on this machine already (lock %s)", name, path)
	}
	return f, nil
}

// New sets everything up but the product's process. On an error nothing is left.
func New(ctx context.Context, cfg Config) (s *Stand, err error) {
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	s = &Stand{cfg: cfg}
	s.keeper.s = s
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
			s = nil
		}
	}()
	if s.lock, err = takeLock(cfg.Name); err != nil {
		return s, err
	}
	if s.Dir, err = os.MkdirTemp("", "countersign-"+cfg.Name+"-"); err != nil {
		return s, fmt.Errorf("make a directory: %w", err)
	}
	if s.Cluster, err = cluster.FromEnv(ctx, cfg.Log); err != nil {
		return s, err
	}
	if s.Kube, err = kubernetes.NewForConfig(s.Cluster.AdminConfig()); err != nil {
		return s, fmt.Errorf("connect as administrator: %w", err)
	}
	cfg.Log("building countersign and its executor")
	image, err := s.build(ctx)
	if err != nil {
		return s, err
	}
	if s.Slack, err = slackstub.New(cfg.Slack); err != nil {
		return s, fmt.Errorf("start the stand-in for Slack: %w", err)
	}
	if err = s.install(ctx, image); err != nil {
		return s, err
	}
	return s, nil
}

// install makes the namespaces and keys, sets the wall up, and writes down what
// the product's process is started with.
func (s *Stand) install(ctx context.Context, image string) error {
	for _, ns := range s.cfg.Namespaces {
		if err := s.makeNamespace(ctx, ns); err != nil {
			return err
		}
	}
	keysDir := filepath.Join(s.Dir, "keys")
	if err := app.MakeKeys(keysDir); err != nil {
		return err
	}
	keys, err := app.LoadKeys(keysDir)
	if err != nil {
		return err
	}
	wall := admission.Default()
	wall.Instance = s.cfg.Name
	wall.Namespace, wall.ExecutorNamespace = "countersign-"+s.cfg.Name, "countersign-"+s.cfg.Name+"-exec"
	wall.WatchNamespaces = s.cfg.Namespaces
	s.Wall = wall

	settings := app.DefaultSettings()
	settings.Namespace, settings.ExecutorNS, settings.ExecutorImage = wall.Namespace, wall.ExecutorNamespace, image
	sample, err := settings.JobTemplate(keys).Sample()
	if err != nil {
		return err
	}
	s.cfg.Log("installing accounts, roles and admission policies")
	if s.set, err = admission.Install(ctx, s.Cluster.AdminConfig(), wall, sample); err != nil {
		return fmt.Errorf("install the wall: %w", err)
	}
	if s.cfg.Gatekeeper {
		if err := s.keeper.register(ctx); err != nil {
			return err
		}
	}
	watcher, err := s.Kubeconfig(ctx, wall.Namespace, wall.Watcher)
	if err != nil {
		return err
	}
	gate, err := s.Kubeconfig(ctx, wall.Namespace, wall.Gate)
	if err != nil {
		return err
	}
	s.settings = map[string]string{
		"SLACK_BOT_TOKEN": s.Slack.BotToken(), "SLACK_APP_TOKEN": s.Slack.AppToken(),
		"SLACK_CHANNEL_ID": slackstub.ChannelAlerts, "SLACK_API_URL": s.Slack.URL(),
		"ALLOWED_APPROVERS": slackstub.Alice + "," + slackstub.Bob, "REMEDIATION_MODE": "approve",
		"WATCHER_KUBECONFIG": watcher, "GATE_KUBECONFIG": gate,
		"POD_NAMESPACE": wall.Namespace, "EXECUTOR_NAMESPACE": wall.ExecutorNamespace, "EXECUTOR_IMAGE": image,
		"WATCH_NAMESPACES": join(s.cfg.Namespaces), "CLUSTER_NAME": s.cfg.Name, "INSTANCE": s.cfg.Name,
		"KEYS_DIR": keysDir, "STORE_PATH": filepath.Join(s.Dir, "countersign.log"),
	}
	for k, v := range s.cfg.Env {
		s.settings[k] = v
	}
	return nil
}

func join(list []string) string {
	out := ""
	for n, item := range list {
		if n > 0 {
			out += ","
		}
		out += item
	}
	return out
}

// MadeBy marks the namespaces that a stand made, so that it deletes no others.
const MadeBy = "countersign.dev/test-stand"

func (s *Stand) makeNamespace(ctx context.Context, name string) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{MadeBy: s.cfg.Name}}}
	_, err := s.Kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		old, err := s.Kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err == nil && old.Labels[MadeBy] == s.cfg.Name && old.DeletionTimestamp == nil {
			return nil
		}
		return fmt.Errorf("namespace %s exists and is not this stand's: remove it first", name)
	}
	if err != nil {
		return fmt.Errorf("make namespace %s: %w", name, err)
	}
	return nil
}

// Kubeconfig writes a kubeconfig that acts as one ServiceAccount and nobody else.
func (s *Stand) Kubeconfig(ctx context.Context, namespace, account string) (string, error) {
	conn, err := s.Cluster.ServiceAccountToken(ctx, namespace, account)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.Dir, account+".kubeconfig")
	return path, writeKubeconfig(path, conn)
}

func writeKubeconfig(path string, conn *rest.Config) error {
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters["c"] = &clientcmdapi.Cluster{
		Server: conn.Host, CertificateAuthorityData: conn.CAData, CertificateAuthority: conn.CAFile, TLSServerName: conn.ServerName,
	}
	cfg.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: conn.BearerToken}
	cfg.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	cfg.CurrentContext = "x"
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Close stops the product, takes the wall and the namespaces down and removes
// the directory. It may be called at any point.
func (s *Stand) Close() error {
	if s.lock == nil {
		return nil // nothing was made
	}
	defer s.lock.Close()
	var errs []error
	for _, p := range s.processes {
		errs = append(errs, p.Stop())
	}
	if s.Slack != nil {
		errs = append(errs, s.Slack.Close())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs = append(errs, s.keeper.remove(ctx))
	if s.Kube != nil {
		for _, ns := range s.cfg.Namespaces {
			err := s.Kube.CoreV1().Namespaces().Delete(ctx, ns, metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, fmt.Errorf("remove namespace %s: %w", ns, err))
			}
		}
		if s.Wall.Namespace != "" {
			errs = append(errs, admission.Uninstall(ctx, s.Cluster.AdminConfig(), s.Wall, s.set))
		}
	}
	if s.Cluster != nil {
		errs = append(errs, s.Cluster.Close())
	}
	if s.Dir != "" {
		errs = append(errs, os.RemoveAll(s.Dir))
	}
	return errors.Join(errs...)
}
