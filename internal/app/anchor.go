package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/policy"
)

// folded is what one incident's first records say about its executions.
type folded struct {
	records int
	runs    []policy.Execution
}

// history reads from the log which changes were made within the last hour. A
// press waits for it, so that an incident is folded again only when it has new
// records.
func history(st storage, sealer *incident.Sealer) func(context.Context) ([]policy.Execution, error) {
	var mu sync.Mutex
	known := map[incident.ID]folded{}
	return func(ctx context.Context) ([]policy.Execution, error) {
		mu.Lock()
		defer mu.Unlock()
		ids, err := st.Live(ctx, time.Hour)
		if err != nil {
			return nil, err
		}
		var runs []policy.Execution
		live := make(map[incident.ID]folded, len(ids))
		for _, id := range ids {
			records, err := st.Load(ctx, id)
			if err != nil {
				return nil, err
			}
			f, ok := known[id]
			if !ok || f.records != len(records) {
				f = folded{records: len(records), runs: executions(records, sealer)}
			}
			live[id] = f
			runs = append(runs, f.runs...)
		}
		known = live
		return runs, nil
	}
}

func executions(records []incident.Record, sealer *incident.Sealer) (runs []policy.Execution) {
	i, _ := incident.Replay(records, sealer)
	for _, a := range i.Attempts {
		if a.Launched != nil {
			at := a.Launched.ExpiresAt.Add(-action.OrderLife)
			runs = append(runs, policy.Execution{Job: a.Launched.Job, Namespace: i.Subject.Namespace, At: at})
		}
	}
	return runs
}

// anchor keeps the audit head in a ConfigMap.
type anchor struct {
	client    kubernetes.Interface
	namespace string
}

const anchorKey = "head"

// Read returns the zero Head where the ConfigMap is empty or not there.
func (a *anchor) Read(ctx context.Context) (audit.Head, error) {
	cm, err := a.client.CoreV1().ConfigMaps(a.namespace).Get(ctx, action.AnchorName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return audit.Head{}, nil
	}
	if err != nil {
		return audit.Head{}, err
	}
	if cm.Data[anchorKey] == "" {
		return audit.Head{}, nil
	}
	var h audit.Head
	if err := json.Unmarshal([]byte(cm.Data[anchorKey]), &h); err != nil {
		return audit.Head{}, fmt.Errorf("ConfigMap %s/%s holds no audit head: %w", a.namespace, action.AnchorName, err)
	}
	return h, nil
}

func (a *anchor) Write(ctx context.Context, h audit.Head) error {
	raw, err := json.Marshal(h)
	if err != nil {
		return err
	}
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: action.AnchorName, Namespace: a.namespace},
		Data:       map[string]string{anchorKey: string(raw)},
	}
	_, err = a.client.CoreV1().ConfigMaps(a.namespace).Update(ctx, cm, metav1.UpdateOptions{})
	return err
}
