package jobs

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

// Names that the executor, the admission policies and this package share.
const (
	IncidentLabel = "countersign.dev/incident"
	OrderEnv      = "COUNTERSIGN_ORDER"
	Container     = "executor"
)

const (
	// deadline is how long an execution may run; it outlasts an Order's life,
	// so that an image that is pulled late still meets the expiry check.
	deadline = 90 * time.Second
	// keepFinished is how long a finished Job keeps its name. It is longer than
	// action.OrderLife: a replayed Order meets its Job or its own expiry.
	keepFinished = 120 * time.Second
	executorUser = 65532
)

var (
	imageByDigest = regexp.MustCompile(`^[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}$`)
	keyID         = regexp.MustCompile(`^[0-9A-Za-z._-]{1,64}$`)
)

// Template is what all Jobs of one installation have in common. Keys are the
// public keys that executors trust, Protected the namespaces that they never
// touch and Control the roles' own, where the kill switch and the allowed
// signers are; all three are pinned as arguments, out of reach of who writes an
// Order.
type Template struct {
	Namespace string // the executors'
	Control   string
	Image     string // repository@sha256:…, never by tag
	Keys      action.Keys
	Protected []string
}

func (t Template) check() error {
	switch {
	case t.Namespace == "":
		return errors.New("the job template has no executor namespace")
	case t.Control == "":
		return errors.New("the job template has no control namespace, so that no executor would find its kill switch")
	case !imageByDigest.MatchString(t.Image):
		return fmt.Errorf("executor image %q is not given by digest (NAME@sha256:…)", t.Image)
	case len(t.Keys) == 0:
		return errors.New("the job template has no public key, so that no executor could trust an order")
	case len(t.Protected) == 0:
		return errors.New("the job template protects no namespace")
	}
	for id := range t.Keys {
		if !keyID.MatchString(id) {
			return fmt.Errorf("key id %q may hold letters, digits, dots, dashes and underscores only", id)
		}
	}
	return nil
}

// Job builds the Job of o. encoded is o as it travels (Order.Encode). It refuses
// an Order that its executor would refuse for its form, signature or name, so
// that a mistake shows at the gate and not in a pod; expiry is Launch's.
func (t Template) Job(o action.Order, encoded string) (*batchv1.Job, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	signed, err := action.ReadOrder(encoded, t.Keys)
	if err != nil {
		return nil, fmt.Errorf("build job %s: %w", o.Execution, err)
	}
	if signed.Execution != o.Execution || signed.Proposal != o.Proposal || signed.Incident != o.Incident {
		return nil, fmt.Errorf("build job %s: the encoded order is another one, %s", o.Execution, signed.Execution)
	}
	return t.shape(signed.Execution, signed.Incident, string(signed.Terms.Action.Kind), encoded), nil
}

// Sample is a Job of the same shape that no executor would obey: installers dry
// run it to learn how the API server completes it, and pin the result.
func (t Template) Sample() (*batchv1.Job, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	const name = "cs-p0-00000000-0000-4000-8000-000000000000-000000000000"
	return t.shape(name, "sample", string(action.Restart), "none"), nil
}

func (t Template) args() []string {
	args := make([]string, 0, len(t.Keys)+2)
	for id, key := range t.Keys {
		args = append(args, "--order-key="+id+":"+base64.StdEncoding.EncodeToString(key))
	}
	sort.Strings(args)
	protected := slices.Clone(t.Protected)
	sort.Strings(protected)
	return append(args, "--protected-namespaces="+strings.Join(slices.Compact(protected), ","), "--control-namespace="+t.Control)
}

// shape must not depend on anything but its arguments and the template: the
// admission policy pins every field of what it returns.
func (t Template) shape(name, incident, account, order string) *batchv1.Job {
	labels := map[string]string{IncidentLabel: incident}
	return &batchv1.Job{
		TypeMeta:   metav1.TypeMeta{APIVersion: "batch/v1", Kind: "Job"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: t.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{
			ActiveDeadlineSeconds:   new(int64(deadline / time.Second)),
			BackoffLimit:            new(int32(0)),
			TTLSecondsAfterFinished: new(int32(keepFinished / time.Second)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					ServiceAccountName: account,
					RestartPolicy:      corev1.RestartPolicyNever,
					SecurityContext: &corev1.PodSecurityContext{
						RunAsNonRoot:   new(true),
						RunAsUser:      new(int64(executorUser)),
						RunAsGroup:     new(int64(executorUser)),
						SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
					},
					Containers: []corev1.Container{t.container(order)},
				},
			},
		},
	}
}

func (t Template) container(order string) corev1.Container {
	return corev1.Container{
		Name:            Container,
		Image:           t.Image,
		ImagePullPolicy: corev1.PullIfNotPresent,
		Command:         []string{"/executor"},
		Args:            t.args(),
		Env:             []corev1.EnvVar{{Name: OrderEnv, Value: order}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse("10m"),
				corev1.ResourceMemory: resource.MustParse("16Mi"),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(false),
			ReadOnlyRootFilesystem:   new(true),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
	}
}
