package gate_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/remediate"
)

// kubelet is the node of the executor namespace: it runs each pod's container
// once, in this process, and reports its end. The executor is the product's
// code; what stands between it and a real one is the process and the token, for
// which its requests impersonate the pod's account with the pod's name, as the
// API server derives them from a pod-bound token.
type kubelet struct {
	namespace string
	node      kubernetes.Interface // as a node, which alone may write a pod's status
	executor  *rest.Config         // as administrator, through the executor's wire
	probes    *rest.Config         // the same for probes of the fence
	ledger    *ledger
	dice      *dice

	mu              sync.Mutex
	killed          float64 // share of containers that are killed, before or after their work
	twice           float64 // share that run twice, as after a node that was cut off
	nKilled, nTwice int
	seen            map[types.UID]bool
	queue           chan *corev1.Pod
}

// spoil sets how many containers meet an accident.
func (k *kubelet) spoil(killed, twice float64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.killed, k.twice = killed, twice
}

func isProbe(pod *corev1.Pod) bool { return strings.HasPrefix(pod.Name, "cs-p") }

// accident decides what a container meets.
func (k *kubelet) accident(pod *corev1.Pod) (killed, twice bool) {
	if isProbe(pod) {
		return false, false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	killed, twice = k.dice.below(k.killed), k.dice.below(k.twice)
	if killed {
		k.nKilled++
	} else if twice {
		k.nTwice++
	}
	return killed, twice && !killed
}

// kubelets is how many containers run at a time.
const kubelets = 24

// run works until ctx ends.
func (k *kubelet) run(ctx context.Context) {
	factory := informers.NewSharedInformerFactoryWithOptions(k.node, 0, informers.WithNamespace(k.namespace))
	_, _ = factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    k.offer,
		UpdateFunc: func(_, now any) { k.offer(now) },
	})
	factory.StartWithContext(ctx)
	var workers sync.WaitGroup
	for range kubelets {
		workers.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case pod := <-k.queue:
					k.serve(ctx, pod)
				}
			}
		})
	}
	workers.Wait()
	factory.Shutdown()
}

func (k *kubelet) offer(obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Status.Phase != corev1.PodPending || pod.DeletionTimestamp != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.seen[pod.UID] {
		k.seen[pod.UID] = true
		k.queue <- pod
	}
}

// serve runs the container and reports how it ended.
func (k *kubelet) serve(ctx context.Context, pod *corev1.Pod) {
	began := metav1.Now()
	end := corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: began}
	phase := corev1.PodSucceeded
	killed, twice := k.accident(pod)
	beforeWork := killed && k.dice.n(2) == 0
	if !beforeWork {
		end.Message = string(k.execute(ctx, pod))
	}
	if twice {
		k.execute(ctx, pod) // nobody hears of it
	}
	if killed {
		end.Message, end.Reason, end.ExitCode, phase = "", "Error", 137, corev1.PodFailed
	}
	end.FinishedAt = metav1.Now()
	for ctx.Err() == nil {
		live := pod.DeepCopy()
		live.ResourceVersion = "" // whatever the Job controller wrote meanwhile
		live.Status = corev1.PodStatus{
			Phase: phase, StartTime: &began,
			ContainerStatuses: []corev1.ContainerStatus{{Name: "executor", Image: pod.Spec.Containers[0].Image, State: corev1.ContainerState{Terminated: &end}}},
		}
		_, err := k.node.CoreV1().Pods(k.namespace).UpdateStatus(ctx, live, metav1.UpdateOptions{})
		if err == nil || apierrors.IsNotFound(err) {
			return
		}
		k.ledger.note("kubelet: report %s: %v", pod.Name, err)
		sleep(ctx, 200*time.Millisecond)
	}
}

// execute is the executor's main function, with the container's environment and
// arguments.
func (k *kubelet) execute(ctx context.Context, pod *corev1.Pod) []byte {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	container, order := pod.Spec.Containers[0], ""
	for _, e := range container.Env {
		if e.Name == "COUNTERSIGN_ORDER" {
			order = e.Value
		}
	}
	cfg := remediate.Config{Keys: action.Keys{}, Pod: pod.Name, Redactor: redact.New(redact.Config{})}
	for _, arg := range container.Args {
		if key, ok := strings.CutPrefix(arg, "--order-key="); ok {
			id, text, _ := strings.Cut(key, ":")
			raw, err := base64.StdEncoding.DecodeString(text)
			if err == nil {
				cfg.Keys[id] = raw
			}
		}
		if list, ok := strings.CutPrefix(arg, "--protected-namespaces="); ok {
			cfg.Protected = strings.Split(list, ",")
		}
		if ns, ok := strings.CutPrefix(arg, "--control-namespace="); ok {
			cfg.Control = ns
		}
	}
	account := pod.Spec.ServiceAccountName
	conn := rest.CopyConfig(k.executor)
	if isProbe(pod) {
		conn = rest.CopyConfig(k.probes)
	}
	conn.Impersonate = rest.ImpersonationConfig{
		UserName: fmt.Sprintf("system:serviceaccount:%s:%s", k.namespace, account),
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:" + k.namespace, "system:authenticated"},
		Extra:    map[string][]string{"authentication.kubernetes.io/pod-name": {pod.Name}},
	}
	if client, clock, err := remediate.Connect(conn); err == nil {
		cfg.Client, cfg.Clock = client, clock
	}
	began := time.Now()
	result := remediate.Run(ctx, cfg, order)
	k.ledger.ran(pod, order, result, began)
	return result.Encode()
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
