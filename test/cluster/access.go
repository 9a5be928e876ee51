package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ServiceAccountToken is a client configuration that acts as a ServiceAccount,
// with a token of its own that is good for a day, and as nobody else.
func (c *Cluster) ServiceAccountToken(ctx context.Context, namespace, account string) (*rest.Config, error) {
	client, err := c.client()
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	seconds := int64(24 * 60 * 60)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}
	answer, err := client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("asking for a token of %s/%s: %w", namespace, account, err)
	}
	// AnonymousClientConfig drops the administrator's certificate and keeps
	// the address and the authority.
	cfg := rest.AnonymousClientConfig(c.admin)
	cfg.BearerToken = answer.Status.Token
	cfg.QPS, cfg.Burst = 0, 0
	return cfg, nil
}

// ServiceAccountKubeconfig writes what ServiceAccountToken gives to a file, for
// a program that takes a kubeconfig.
func (c *Cluster) ServiceAccountKubeconfig(ctx context.Context, namespace, account, path string) error {
	cfg, err := c.ServiceAccountToken(ctx, namespace, account)
	if err != nil {
		return err
	}
	file := clientcmdapi.NewConfig()
	file.Clusters["cluster"] = &clientcmdapi.Cluster{
		Server: cfg.Host, CertificateAuthority: cfg.CAFile, CertificateAuthorityData: cfg.CAData,
		InsecureSkipTLSVerify: cfg.Insecure, TLSServerName: cfg.ServerName,
	}
	file.AuthInfos[account] = &clientcmdapi.AuthInfo{Token: cfg.BearerToken}
	file.Contexts[account] = &clientcmdapi.Context{Cluster: "cluster", AuthInfo: account, Namespace: namespace}
	file.CurrentContext = account
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s/%s: %w", namespace, account, err)
	}
	return nil
}

// FromEnv is the cluster that the environment asks for. CLUSTER=context:NAME
// is the user's own, CLUSTER=DIR one in that directory. Without it the
// cluster that `make cluster-up` left running is used, or else one is brought
// up for this process; Close takes that one down and leaves the others alone.
func FromEnv(ctx context.Context, log func(string)) (*Cluster, error) {
	value := os.Getenv("CLUSTER")
	if contextName, named := strings.CutPrefix(value, "context:"); named {
		return Existing(contextName)
	}
	dir, err := absolute(value)
	if err != nil {
		return nil, err
	}
	switch c, err := Running(ctx, dir); {
	case err == nil:
		return c, nil
	case !errors.Is(err, ErrNotRunning):
		return nil, err
	}
	if value == "" {
		// A directory per process: test binaries run at the same time.
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("countersign-cluster-%d", os.Getpid()))
	}
	return Up(ctx, Config{Dir: dir, Log: log})
}

// Existing is a cluster of the user's kubeconfig. No context is ever used that
// was not named.
func Existing(contextName string) (*Cluster, error) {
	if contextName == "" {
		return nil, errors.New("CLUSTER=context: names no context: write CLUSTER=context:NAME, see kubectl config get-contexts")
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	cfg, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: contextName}).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("using the context %q of your kubeconfig: %w", contextName, err)
	}
	cfg.QPS, cfg.Burst = 200, 400
	return &Cluster{admin: cfg, foreign: true, log: func(string) {}}, nil
}

// ErrNotRunning says that no complete cluster runs in a directory.
var ErrNotRunning = errors.New("no cluster runs there")

// Running is the detached cluster in dir. An empty dir is DefaultDir.
func Running(ctx context.Context, dir string) (*Cluster, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	// Looking takes a slot's lock for a moment, which an Up would mistake for
	// somebody at work.
	unlock, err := lockSlots()
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: %s: clusters on this machine belong to root", ErrNotRunning, dir)
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	for n := range maxClusters {
		sl, locked, err := openSlot(n)
		if err != nil {
			return nil, err
		}
		if locked {
			_ = sl.file.Close()
		}
		if sl == nil || sl.Dir != dir || !sl.Detached {
			continue
		}
		if err := sl.whole(ctx); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrNotRunning, dir, err)
		}
		return attach(dir, sl.plan)
	}
	return nil, fmt.Errorf("%w: %s", ErrNotRunning, dir)
}

func attach(dir string, p plan) (*Cluster, error) {
	c := &Cluster{dir: dir, plan: p, log: func(string) {}, attached: true, kubeconfig: filepath.Join(dir, "admin.kubeconfig")}
	return c, c.loadAdmin()
}

// whole says what is missing of a cluster that should be running.
func (s *slot) whole(ctx context.Context) error {
	dead, err := deadIn(s.Dir, s.plan)
	if err != nil {
		return err
	}
	if len(dead) > 0 {
		return fmt.Errorf("these components ended: %s", strings.Join(dead, ", "))
	}
	c, err := attach(s.Dir, s.plan)
	if err != nil {
		return err
	}
	return ready(ctx, c)
}

// Down takes down the cluster in dir, whoever brought it up. An empty dir is
// DefaultDir; no cluster is no error.
func Down(dir string) error {
	if err := Available(); err != nil {
		return err
	}
	dir, err := absolute(dir)
	if err != nil {
		return err
	}
	return (&Cluster{dir: dir}).Down()
}
