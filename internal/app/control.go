package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// control follows the ConfigMaps by which people steer: the kill switch, the
// policy, the signers. What the switch says is in force as soon as the watch
// brings it; then it is written down and announced. The others are steering's.
type control struct {
	client    kubernetes.Interface
	namespace string
	redactor  *redact.Redactor
	log       *slog.Logger

	// announce writes down that something was steered; it is tried until it works.
	announce func(ctx context.Context, id incident.ID, s incident.Steered) error
	// rule is told what the ConfigMaps of the policy and of the signers hold now.
	rule func(ctx context.Context, name string, data map[string]string) error

	halted atomic.Pointer[string] // nil before the switch was read
}

// switchUnread is what Halt says before the switch was read.
const switchUnread = "the kill switch has not been read yet"

// retryAfter is how long a change waits that could not be written down.
const retryAfter = time.Second

// Halt is the sentence that forbids orders while the switch does.
func (c *control) Halt() string {
	if s := c.halted.Load(); s != nil {
		return *s
	}
	return switchUnread
}

// Turn writes the kill switch.
func (c *control) Turn(ctx context.Context, s action.Switch) error {
	return turnSwitch(ctx, c.client, c.namespace, s)
}

// turnSwitch replaces the switch's data as a whole, whatever it was.
func turnSwitch(ctx context.Context, client kubernetes.Interface, namespace string, s action.Switch) error {
	maps := client.CoreV1().ConfigMaps(namespace)
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: action.SwitchName, Namespace: namespace}, Data: s.Data()}
	_, err := maps.Update(ctx, cm, metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		_, err = maps.Create(ctx, cm, metav1.CreateOptions{})
	}
	return err
}

// Fresh asks the API server whether the switch is thrown at this moment. Before
// a Job is created nothing else will do: a watch can be late.
func (c *control) Fresh(ctx context.Context) (halt string, err error) {
	cm, err := c.client.CoreV1().ConfigMaps(c.namespace).Get(ctx, action.SwitchName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the kill switch: %w", err)
	}
	return c.sentence(action.ReadSwitch(cm.Data)), nil
}

func (c *control) sentence(s action.Switch) string {
	if !s.Stopped {
		return ""
	}
	by := redact.Literal("somebody")
	if s.By != "" {
		by = c.redactor.Redact(s.By).Truncate(80)
	}
	text := redact.Sprintf("remediation is stopped by %s", by)
	if !s.At.IsZero() {
		text = redact.Sprintf("%s since %s", text, redact.Name(s.At.Format(time.RFC3339)))
	}
	if s.Reason != "" {
		text = redact.Sprintf("%s: %s", text, c.redactor.Redact(s.Reason).Truncate(200))
	}
	return text.String()
}

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

// Turn writes the kill switch of an installation with a person's own rights. It
// returns what it said before: running, stopped, or unknown, because a stop needs
// no right to read what it replaces.
func Turn(ctx context.Context, o LookOptions, stop bool, by, reason string) (was string, err error) {
	conn, _, err := o.connect()
	if err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return "", fmt.Errorf("connect to the cluster: %w", err)
	}
	was = "running"
	cm, err := client.CoreV1().ConfigMaps(o.Namespace).Get(ctx, action.SwitchName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
	case err != nil && stop:
		was = "unknown"
	case err != nil:
		return "", fmt.Errorf("read ConfigMap %s/%s: %w", o.Namespace, action.SwitchName, err)
	case action.ReadSwitch(cm.Data).Stopped:
		was = "stopped"
	}
	s := action.Switch{Stopped: stop, By: by, Reason: reason, At: time.Now().UTC().Truncate(time.Second)}
	if err := turnSwitch(ctx, client, o.Namespace, s); err != nil {
		return was, fmt.Errorf("write ConfigMap %s/%s: %w", o.Namespace, action.SwitchName, err)
	}
	return was, nil
}
