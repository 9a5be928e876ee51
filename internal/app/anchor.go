package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/store"
)

// historyChunk is how many records of the log are read at a time.
const historyChunk = 1000

// history reads from the log which changes were made within the last hour. A
// press waits for it, so that it reads on from where it was. A store that has
// forgotten what was read before is read again from its beginning.
func history(st storage) func(context.Context) ([]policy.Execution, error) {
	var (
		mu   sync.Mutex
		read int         // records
		last action.Hash // of the last of them
		runs []policy.Execution
	)
	return func(ctx context.Context) ([]policy.Execution, error) {
		mu.Lock()
		defer mu.Unlock()
		for {
			from := max(read-1, 0)
			records, err := st.Log(ctx, from, historyChunk)
			if err != nil {
				return nil, err
			}
			if read > 0 && (len(records) == 0 || records[0].Hash() != last) {
				read, last, runs = 0, "", nil
				continue
			}
			for _, r := range records[min(read-from, len(records)):] {
				runs = append(runs, executions(r)...)
			}
			if len(records) > 0 {
				read, last = from+len(records), records[len(records)-1].Hash()
			}
			if len(records) < historyChunk {
				break
			}
		}
		runs = slices.DeleteFunc(runs, func(e policy.Execution) bool { return time.Since(e.At) > time.Hour })
		return slices.Clone(runs), nil
	}
}

// executions is the change that the record orders. It is believed without its
// seal: who could forge it could only make the quota smaller.
func executions(r incident.Record) []policy.Execution {
	event, err := incident.Decode(r.Raw)
	if err != nil {
		return nil
	}
	launched, ok := event.Body.(*incident.Launched)
	if !ok {
		return nil
	}
	order, err := action.DecodeOrder(launched.Order)
	if err != nil {
		return nil
	}
	at := launched.ExpiresAt.Add(-action.OrderLife)
	return []policy.Execution{{Job: launched.Job, Namespace: order.Terms.Action.Target.Namespace, At: at}}
}

// auditLog is a store as the audit chain reads it: it tells a record that is
// gone from a store that does not answer.
type auditLog struct{ storage }

func (l auditLog) Log(ctx context.Context, n, limit int) ([]incident.Record, error) {
	records, err := l.storage.Log(ctx, n, limit)
	_, embedded := l.storage.(*store.File)
	// A closed connection to Redis is an EOF too, and tells nothing.
	if errors.Is(err, redis.Nil) || embedded && errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %w", audit.ErrGone, err)
	}
	return records, err
}

// anchor keeps the audit head in a ConfigMap. One goroutine uses it.
type anchor struct {
	client    kubernetes.Interface
	namespace string
	read      *corev1.ConfigMap // as it was read last; nil where there was none
}

// The keys of the ConfigMap's data. The first is the gate's, the second an
// operator's.
const (
	anchorKey = "head"
	acceptKey = "accept"
)

// Read returns the zero Kept where the ConfigMap is empty or not there. What is
// not a head stands for one that nobody signed.
func (a *anchor) Read(ctx context.Context) (audit.Kept, error) {
	cm, err := a.client.CoreV1().ConfigMaps(a.namespace).Get(ctx, action.AnchorName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		a.read = nil
		return audit.Kept{}, nil
	}
	if err != nil {
		return audit.Kept{}, err
	}
	a.read = cm
	kept := audit.Kept{Accept: cm.Data[acceptKey]}
	if text := cm.Data[anchorKey]; text != "" {
		if err := json.Unmarshal([]byte(text), &kept.Head); err != nil {
			kept.Head = audit.Head{KeyID: "none", Sig: []byte(text)}
		}
	}
	return kept, nil
}

// Write replaces what was read, and nothing else: the API server refuses it
// where somebody else has written since. A ConfigMap that is gone is made anew.
func (a *anchor) Write(ctx context.Context, h audit.Head) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	maps := a.client.CoreV1().ConfigMaps(a.namespace)
	data := map[string]string{anchorKey: string(raw)}
	if a.read == nil {
		made := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName, Namespace: a.namespace}, Data: data}
		_, err := maps.Create(ctx, made, metav1.CreateOptions{})
		return err
	}
	next := a.read.DeepCopy()
	next.Data = data
	_, err = maps.Update(ctx, next, metav1.UpdateOptions{})
	return err
}

// Remedy works for a ConfigMap that is there and for one that is gone.
func (a *anchor) Remedy(accept string) string {
	return fmt.Sprintf("restore the store, or have the gate begin a new audit log with what the store holds, which voids all open votes: "+
		"kubectl create configmap %[1]s -n %[2]s --from-literal=%[3]s=%[4]s --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f - and restart the gate",
		action.AnchorName, a.namespace, acceptKey, accept)
}
