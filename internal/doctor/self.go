package doctor

import (
	"context"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/admission"
)

func dryRun() metav1.CreateOptions { return metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}} }

// completeAsGate lets the API server complete the executor Job by a dry run with
// the gate's account. That it passes shows that the Job of these settings is the
// pinned one; what comes back is what the policies must pin. refused is a
// sentence, where the gate's policy is what refuses.
func completeAsGate(ctx context.Context, gate kubernetes.Interface, c admission.Config, sample *batchv1.Job) (done *batchv1.Job, refused string, err error) {
	done, err = gate.BatchV1().Jobs(c.ExecutorNamespace).Create(ctx, sample, dryRun())
	if by, _ := admission.RefusedBy(err); by != "" {
		return nil, fmt.Sprintf("policy %s does not pin the executor Job of these settings", by), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("dry run of the executor Job: %w", err)
	}
	return done, "", nil
}

// foreign is an image that no installation runs.
const foreign = "countersign.invalid/foreign@sha256:0000000000000000000000000000000000000000000000000000000000000000"

// triesAsGate are dry runs with the gate's account of what must be refused to
// it. The first answer that is no refusal by the gate's policy is told in one
// sentence. mark is the policy's of this version; empty accepts any.
func triesAsGate(ctx context.Context, gate kubernetes.Interface, c admission.Config, sample *batchv1.Job, mark string) (string, error) {
	job := sample.DeepCopy()
	job.Spec.Template.Spec.Containers[0].Image = foreign
	_, err := gate.BatchV1().Jobs(c.ExecutorNamespace).Create(ctx, job, dryRun())
	if why, err := refusedToGate(err, c.GatePolicy(), "", "a foreign Job"); why != "" || err != nil {
		return why, err
	}
	// RBAC cannot hold a create to a name, so that the policy alone refuses this.
	stray := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "countersign-probe", Namespace: c.Namespace}}
	_, err = gate.CoreV1().ConfigMaps(c.Namespace).Create(ctx, stray, dryRun())
	if why, err := refusedToGate(err, c.GatePolicy(), mark, "a foreign ConfigMap"); why != "" || err != nil {
		return why, err
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "countersign-probe", Namespace: c.Namespace}}
	if _, err = gate.CoreV1().Secrets(c.Namespace).Create(ctx, secret, dryRun()); err == nil {
		return "nothing refuses Secrets to the gate", nil
	}
	return "", nil
}

// refusedToGate judges one answer. An error that is no refusal at all tells
// nothing.
func refusedToGate(answer error, policy, mark, what string) (string, error) {
	by, message := admission.RefusedBy(answer)
	switch {
	case answer == nil:
		return fmt.Sprintf("policy %s does not refuse %s", policy, what), nil
	case by == policy && strings.Contains(message, mark):
		return "", nil
	case by == policy:
		return fmt.Sprintf("policy %s is another one than this version installs", policy), nil
	case definite(answer):
		return fmt.Sprintf("%s is refused to the gate, but not by policy %s", what, policy), nil
	}
	return "", fmt.Errorf("try %s: %w", what, answer)
}
