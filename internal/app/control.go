package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

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
