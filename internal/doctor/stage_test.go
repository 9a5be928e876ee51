package doctor

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/test/cluster"
)

// stage is an installation of its own on the test cluster, with real executor
// Jobs.
type stage struct {
	t        *testing.T
	admin    *rest.Config
	client   *kubernetes.Clientset // as administrator
	gate     *rest.Config
	config   admission.Config
	template jobs.Template
	key      action.SigningKey
	set      admission.Set
	shop     string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return staged(t, image)
}

// staged makes a stage whose executor is what image gives.
func staged(t *testing.T, image func(t *testing.T, on *cluster.Cluster, id string) string) *stage {
	t.Helper()
	if os.Getenv("COUNTERSIGN_TEST_KUBECONFIG") == "" {
		t.Skip("SKIPPED, THE FENCE IS NOT PROVEN: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	ctx := t.Context()
	on, err := cluster.FromEnv(ctx, func(line string) { t.Log(line) })
	fatal(t, err)
	t.Cleanup(func() { closed(t, on.Close()) })
	s := &stage{t: t, admin: on.AdminConfig(), config: admission.Default()}
	s.client, err = kubernetes.NewForConfig(s.admin)
	fatal(t, err)
	id := fmt.Sprintf("d%06x", rand.IntN(1<<24))
	s.shop = "cs-" + id + "-shop"
	s.config.Instance, s.config.Namespace, s.config.ExecutorNamespace = id, "cs-"+id, "cs-"+id+"-exec"
	s.config.WatchNamespaces = []string{s.shop}
	_, err = s.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.shop}}, metav1.CreateOptions{})
	fatal(t, err)
	t.Cleanup(func() {
		closed(t, s.client.CoreV1().Namespaces().Delete(context.Background(), s.shop, metav1.DeleteOptions{}))
	})
	public, private, err := ed25519.GenerateKey(nil)
	fatal(t, err)
	s.key = action.SigningKey{ID: "k1", Private: private}
	s.template = jobs.Template{
		Namespace: s.config.ExecutorNamespace, Control: s.config.Namespace, Image: image(t, on, id),
		Keys: action.Keys{"k1": public}, Protected: s.config.ProtectedNamespaces(),
	}
	t.Cleanup(func() { closed(t, admission.Uninstall(context.Background(), s.admin, s.config, s.set)) })
	s.install(t)
	s.gate, err = on.ServiceAccountToken(ctx, s.config.Namespace, s.config.Gate)
	fatal(t, err)
	return s
}

// install also repairs what a test broke.
func (s *stage) install(t *testing.T) {
	t.Helper()
	sample, err := s.template.Sample()
	fatal(t, err)
	s.set, err = admission.Install(t.Context(), s.admin, s.config, sample)
	fatal(t, err)
}

// image builds the executor and puts it into the cluster.
func image(t *testing.T, on *cluster.Cluster, id string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "executor")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "../../cmd/executor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	made, err := cluster.BinaryImage("/executor", binary, 65532)
	fatal(t, err)
	byDigest, err := on.LoadImage(t.Context(), "registry.example/countersign-executor:"+id, made)
	fatal(t, err)
	return byDigest
}

// prover runs a Prover with the gate's account until the test ends.
func (s *stage) prover() *Prover {
	s.t.Helper()
	launcher, err := jobs.New(jobs.Config{REST: s.gate, Template: s.template, Redactor: redact.New(redact.Config{})})
	fatal(s.t, err)
	p, err := New(Config{
		REST: s.gate, Launcher: launcher, Template: s.template, Key: s.key, Wall: s.config,
		Redactor: redact.New(redact.Config{}), Log: slog.New(slog.NewTextHandler(lines{s.t}, nil)),
	})
	fatal(s.t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- launcher.Run(ctx) }()
	go func() { ended <- p.Run(ctx) }()
	s.t.Cleanup(func() { stop(); <-ended; <-ended })
	return p
}

type lines struct{ t *testing.T }

func (l lines) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// says waits until Halt is a sentence that holds want (empty: until it is
// proven), and returns how long that took.
func (s *stage) says(t *testing.T, p *Prover, within time.Duration, want string) time.Duration {
	t.Helper()
	began := time.Now()
	for time.Since(began) < within {
		if halt := p.Halt(); want == "" && halt == "" || want != "" && strings.Contains(halt, want) {
			return time.Since(began)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("after %s Halt says %q, want %q", within, p.Halt(), want)
	return 0
}

// opens waits until a policy no longer refuses.
func (s *stage) opens(t *testing.T, policy string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := admission.Verify(t.Context(), s.admin, s.config, ""); err != nil && strings.Contains(err.Error(), policy+" does not bind") {
			return
		}
	}
	t.Fatalf("policy %s goes on refusing", policy)
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
}
