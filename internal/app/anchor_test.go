package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
)

// anchored is a namespace of its own on the test cluster, for an anchor.
func anchored(t *testing.T) (client *kubernetes.Clientset, namespace, kubeconfig string) {
	t.Helper()
	kubeconfig = os.Getenv("COUNTERSIGN_TEST_KUBECONFIG")
	if kubeconfig == "" {
		t.Skip("SKIPPED, NO HEAD WAS ANCHORED: COUNTERSIGN_TEST_KUBECONFIG names no cluster")
	}
	conn, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if client, err = kubernetes.NewForConfig(conn); err != nil {
		t.Fatal(err)
	}
	namespace = fmt.Sprintf("cs-anchor-%06x", rand.IntN(1<<24))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return client, namespace, kubeconfig
}

// ownRedis starts a Redis for the test.
func ownRedis(t *testing.T) *redis.Client {
	t.Helper()
	server, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, no Redis forgot anything: redis-server is not installed (apt-get install redis-server)")
	}
	dir, err := os.MkdirTemp("", "redis") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--save", "", "--appendonly", "no", "--dir", dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: filepath.Join(dir, "s")})
	t.Cleanup(func() {
		client.Close()
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(10 * time.Second); client.Ping(t.Context()).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("Redis does not answer")
		}
	}
	return client
}

// asks writes an incident of n gate records into the store.
func asks(t *testing.T, st storage, keys Keys, id incident.ID, n int) {
	t.Helper()
	sealer := &incident.Sealer{Key: keys.Seal, Epoch: 1}
	var i incident.Incident
	for version := range n {
		var body incident.Body = &incident.Posting{Slot: incident.CardSlot}
		if version == 0 {
			body = &incident.Asked{Channel: "C1"}
		}
		r, err := incident.Next(id, i.Version, i.Head, incident.Gate, body, time.Now(), sealer)
		if err != nil {
			t.Fatal(err)
		}
		if version == 0 {
			_, _, err = st.Open(t.Context(), "", r)
		} else {
			err = st.Append(t.Context(), version, r)
		}
		if err != nil {
			t.Fatal(err)
		}
		i.Version, i.Head = r.Version, r.Hash()
	}
}

// running is a chain over a real store and a real ConfigMap.
type running struct {
	*audit.Chain
	said *bytes.Buffer
	stop func()
}

func chainOf(st storage, client kubernetes.Interface, namespace string, keys Keys) *running {
	said := &bytes.Buffer{}
	log := slog.New(slog.NewTextHandler(said, nil))
	return &running{Chain: audit.NewChain(auditLog{st}, &anchor{client: client, namespace: namespace}, keys.Signing, time.Now, log), said: said}
}

// start checks and runs the chain, as the gate does.
func (r *running) start(t *testing.T, keys Keys) {
	t.Helper()
	if err := r.Check(t.Context(), keys.Public()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestWhatRedisForgetsUnderARunningGateHaltsItAndTheRemedyWorks(t *testing.T) {
	client, namespace, kubeconfig := anchored(t)
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("SKIPPED, the remedy is a kubectl command and kubectl is not installed")
	}
	_, keys := made(t)
	maps := client.CoreV1().ConfigMaps(namespace)
	for name, forget := range map[string]func(*redis.Client) error{
		"everything": func(c *redis.Client) error { return c.FlushAll(t.Context()).Err() },
		"the end of one incident": func(c *redis.Client) error {
			return c.LTrim(t.Context(), "{countersign:x}:incident:i00000000000a", 0, 1).Err()
		},
		"the anchor": func(*redis.Client) error { return maps.Delete(t.Context(), action.AnchorName, metav1.DeleteOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			server := ownRedis(t)
			st := store.NewRedis(server, "x")
			// Each begins with a first start.
			if err := maps.Delete(t.Context(), action.AnchorName, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
			chain := chainOf(st, client, namespace, keys)
			chain.start(t, keys)
			asks(t, st, keys, "i00000000000a", 4)
			asks(t, st, keys, "i00000000000b", 2)
			within(t, "six records are anchored", func() bool {
				cm, err := maps.Get(t.Context(), action.AnchorName, metav1.GetOptions{})
				return err == nil && strings.Contains(cm.Data[anchorKey], `"seq":6`)
			})
			if name == "the anchor" {
				chain.stop() // a running gate writes it again
			}
			if err := forget(server); err != nil {
				t.Fatal(err)
			}
			if name != "the anchor" {
				within(t, "the chain halts", func() bool { return strings.Contains(chain.Halt(), "voted on again") })
				chain.stop()
			}
			err := chainOf(st, client, namespace, keys).Check(t.Context(), keys.Public())
			var forgotten *audit.ForgottenError
			if !errors.As(err, &forgotten) {
				t.Fatalf("the next start says %v", err)
			}
			t.Log(err)
			if name == "the end of one incident" {
				if !strings.Contains(err.Error(), "record 3 of the store is gone") || !strings.Contains(forgotten.Remedy, "or empty it") {
					t.Errorf("%v", err)
				}
				if err := server.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				if err := chainOf(st, client, namespace, keys).Check(t.Context(), keys.Public()); !errors.As(err, &forgotten) {
					t.Fatalf("an emptied store: %v", err)
				}
			}
			_, command, ok := strings.Cut(forgotten.Remedy, ": ")
			command, _, _ = strings.Cut(command, " and restart")
			out, err := run(t, "KUBECONFIG="+kubeconfig, strings.ReplaceAll(command, "kubectl", kubectl))
			if !ok || err != nil {
				t.Fatalf("%s: %v\n%s", command, err, out)
			}
			again := chainOf(st, client, namespace, keys)
			if err := again.Check(t.Context(), keys.Public()); err != nil || again.Halt() != "" {
				t.Fatalf("after the remedy: %v, %q", err, again.Halt())
			}
			cm, err := maps.Get(t.Context(), action.AnchorName, metav1.GetOptions{})
			if err != nil || cm.Data[acceptKey] != "" || cm.Data[anchorKey] == "" {
				t.Errorf("%v, %v", cm.Data, err)
			}
			if err := chainOf(st, client, namespace, keys).Check(t.Context(), keys.Public()); err != nil {
				t.Errorf("the start after that: %v", err)
			}
		})
	}
}

func run(t *testing.T, env, command string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
	cmd.Env = append(os.Environ(), env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestTheAnchorIsMadeWhereItIsGoneAndNeverOverwritesAnothersHead(t *testing.T) {
	client, namespace, _ := anchored(t)
	_, keys := made(t)
	maps := client.CoreV1().ConfigMaps(namespace)
	head, err := audit.HeadOf(t.Context(), store.Memory(time.Now), keys.Signing, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	one, other := &anchor{client: client, namespace: namespace}, &anchor{client: client, namespace: namespace}
	if kept, err := one.Read(t.Context()); err != nil || kept.Head.Sig != nil {
		t.Fatalf("%+v, %v", kept, err)
	}
	if err := one.Write(t.Context(), head); err != nil {
		t.Fatalf("an anchor that is gone: %v", err)
	}
	if err := other.Write(t.Context(), head); err == nil {
		t.Error("an anchor that was made meanwhile is made again")
	}
	if _, err := other.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What an operator or the installation put there stays.
	cm, err := maps.Get(t.Context(), action.AnchorName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cm.Labels = map[string]string{"app.kubernetes.io/part-of": "countersign"}
	if _, err := maps.Update(t.Context(), cm, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := other.Write(t.Context(), head); err == nil {
		t.Error("a head was written over what the writer has not read")
	}
	kept, err := other.Read(t.Context())
	if err != nil || !kept.Head.Valid(keys.Public()) {
		t.Fatalf("%+v, %v", kept, err)
	}
	if err := other.Write(t.Context(), head); err != nil {
		t.Fatal(err)
	}
	if cm, err = maps.Get(t.Context(), action.AnchorName, metav1.GetOptions{}); err != nil || len(cm.Labels) != 1 {
		t.Errorf("%v, %v", cm.Labels, err)
	}
	cm.Data = map[string]string{anchorKey: "hello"}
	if _, err := maps.Update(t.Context(), cm, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if kept, err := one.Read(t.Context()); err != nil || len(kept.Head.Sig) == 0 || kept.Head.Valid(keys.Public()) {
		t.Errorf("what is no head passes for none: %+v, %v", kept, err)
	}
}

func TestAStoreFileThatIsCutUnderTheGateHasForgotten(t *testing.T) {
	_, keys := made(t)
	path := filepath.Join(t.TempDir(), "store.log")
	st, err := store.OpenFile(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	asks(t, st, keys, "i00000000000a", 3)
	if err := os.Truncate(path, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := (auditLog{st}).Log(t.Context(), 0, 10); !errors.Is(err, audit.ErrGone) {
		t.Errorf("%v", err)
	}
	if _, err := (auditLog{store.Memory(time.Now)}).Log(t.Context(), 0, 10); err != nil {
		t.Errorf("an empty store: %v", err)
	}
}

func TestARedisThatDoesNotAnswerHasForgottenNothing(t *testing.T) {
	server := ownRedis(t)
	_, keys := made(t)
	st := store.NewRedis(server, "x")
	asks(t, st, keys, "i00000000000a", 3)
	if err := server.Del(t.Context(), "{countersign:x}:incident:i00000000000a").Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := (auditLog{st}).Log(t.Context(), 2, 1); !errors.Is(err, audit.ErrGone) {
		t.Errorf("a record that is gone: %v", err)
	}
	server.Close()
	if _, err := (auditLog{st}).Log(t.Context(), 2, 1); err == nil || errors.Is(err, audit.ErrGone) {
		t.Errorf("a closed connection: %v", err)
	}
}

func TestAnExportEndsWhereItsHeadDoes(t *testing.T) {
	_, keys := made(t)
	st := store.Memory(time.Now)
	asks(t, st, keys, "i00000000000a", 3)
	head, err := audit.HeadOf(t.Context(), st, keys.Signing, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	asks(t, st, keys, "i00000000000b", 2) // a gate beside us writes on
	var out bytes.Buffer
	if err := audit.Export(t.Context(), upTo{st, head.Seq}, &head, &out); err != nil {
		t.Fatal(err)
	}
	if r, err := audit.Verify(&out, keys.Public(), nil); err != nil || !r.Signed || r.Records != 3 {
		t.Errorf("%+v, %v", r, err)
	}
}
