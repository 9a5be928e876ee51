package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// change is one state of one ConfigMap, as the watch brought it.
type change struct {
	name, version string
	uid           types.UID
	data          map[string]string // nil where it was deleted
}

// Run follows the ConfigMaps until ctx ends.
func (c *control) Run(ctx context.Context) error {
	changes := make(chan change)
	var followers sync.WaitGroup
	defer followers.Wait()
	for _, name := range []string{action.SwitchName, action.PolicyName, action.SignersName} {
		followers.Go(func() { c.follow(ctx, name, changes) })
	}
	var waiting []change // not written down yet, in their order
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case ch := <-changes:
			if ch.name == action.SwitchName {
				halt := c.sentence(action.ReadSwitch(ch.data))
				c.halted.Store(&halt) // in force before it is written down
			}
			waiting = append(waiting, ch)
			retry.Reset(0)
		case <-retry.C:
			for len(waiting) > 0 {
				if err := c.write(ctx, waiting[0]); err != nil {
					c.log.Warn("a change of how Countersign is steered could not be written down yet", "configmap", waiting[0].name, "err", err)
					retry.Reset(retryAfter)
					break
				}
				waiting = waiting[1:]
			}
		}
	}
}

// follow hands every state of one ConfigMap on. RBAC allows it by name only,
// which the field selector says.
func (c *control) follow(ctx context.Context, name string, changes chan<- change) {
	hand := func(object any, deleted bool) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		cm, ok := object.(*corev1.ConfigMap)
		if !ok || cm.Name != name {
			return
		}
		ch := change{name: name, version: cm.ResourceVersion, uid: cm.UID, data: cm.Data}
		if deleted {
			ch.version, ch.data = ch.version+"-deleted", nil
		}
		select {
		case changes <- ch:
		case <-ctx.Done():
		}
	}
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name)
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(c.client.CoreV1().RESTClient(), "configmaps", c.namespace, selector),
		ObjectType:    &corev1.ConfigMap{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { hand(o, false) },
			UpdateFunc: func(_, o any) { hand(o, false) },
			DeleteFunc: func(o any) { hand(o, true) },
		},
	})
	go func() {
		// An absent ConfigMap brings no event, but its absence is known then.
		if cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) && len(store.ListKeys()) == 0 {
			select {
			case changes <- change{name: name}:
			case <-ctx.Done():
			}
		}
	}()
	informer.RunWithContext(ctx)
}

// write writes a change of the switch down, once however often it is seen.
func (c *control) write(ctx context.Context, ch change) error {
	if ch.name != action.SwitchName {
		return c.rule(ctx, ch.name, ch.data)
	}
	if ch.uid == "" || len(ch.data) == 0 && !strings.HasSuffix(ch.version, "-deleted") {
		return nil // nobody has used it
	}
	sw := action.ReadSwitch(ch.data)
	s := incident.Steered{
		What: incident.Resume, New: digestOf(ch.data), Reason: c.redactor.Redact(sw.Reason).Truncate(300),
		Person: incident.Person{ID: sw.By, Name: c.redactor.Redact(sw.By).Truncate(80)},
	}
	if sw.Stopped {
		s.What = incident.Stop
	}
	if ch.data == nil {
		s.Reason = redact.Sprintf("ConfigMap %s was deleted", redact.Name(ch.name))
	}
	return c.announce(ctx, steeringID(ch.name, string(ch.uid), ch.version), s)
}

// steeringID names one change for good.
func steeringID(parts ...string) incident.ID {
	raw, _ := json.Marshal(parts) // strings always encode
	sum := sha256.Sum256(append([]byte("countersign/steering/v1\n"), raw...))
	return incident.ID("i" + hex.EncodeToString(sum[:6]))
}

func digestOf(data map[string]string) action.Hash {
	raw, _ := json.Marshal(data) // in the order of its keys
	sum := sha256.Sum256(append([]byte("countersign/configmap/v1\n"), raw...))
	return action.Hash(hex.EncodeToString(sum[:]))
}
