package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Verify tries, as administrator impersonating each account, one write that each
// policy must refuse, and returns an error that names every policy which does
// not. All attempts are dry runs. wall is Set.Wall; empty accepts any version.
//
// The impersonated accounts get the group system:masters: RBAC lets everything
// pass, so that nothing but the policy can have refused.
func Verify(ctx context.Context, admin *rest.Config, c Config, wall string) error {
	type probe struct{ policy, user, namespace string }
	// The gate is probed outside the executor namespace: inside, two policies
	// refuse, and the API server names either.
	probes := []probe{
		{c.GatePolicy(), c.GateUser(), c.Namespace},
		{c.NamespacePolicy(), "", c.ExecutorNamespace},
	}
	for _, k := range c.kinds() {
		probes = append(probes, probe{c.ExecutorPolicy(k), c.ExecutorUser(k), c.Namespace})
	}
	var open []error
	for _, p := range probes {
		conn := quick(admin)
		if p.user != "" {
			conn.Impersonate = rest.ImpersonationConfig{UserName: p.user, Groups: []string{"system:masters"}}
		}
		if err := mustRefuse(ctx, conn, p.policy, p.namespace, wall); err != nil {
			open = append(open, err)
		}
	}
	if err := verifyProbeNamespace(ctx, admin, c, wall); err != nil {
		open = append(open, err)
	}
	return errors.Join(open...)
}

// mustRefuse tries to create a Secret, which no account of ours may ever do.
func mustRefuse(ctx context.Context, conn *rest.Config, policy, namespace, wall string) error {
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return fmt.Errorf("connect to probe %s: %w", policy, err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "countersign-probe", Namespace: namespace}}
	_, err = client.CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		return fmt.Errorf("policy %s does not bind: a write that it must refuse got through", policy)
	}
	if by, message := RefusedBy(err); by == policy && strings.Contains(message, wall) {
		return nil
	}
	return fmt.Errorf("policy %s did not refuse, something else did: %w", policy, err)
}

// RefusedBy names the ValidatingAdmissionPolicy that refused, with its message;
// both are empty for any other error. The API server says the name in the last
// cause of the status only, in a fixed form, so that the text must be read.
func RefusedBy(err error) (policy, message string) {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return "", ""
	}
	for _, cause := range status.Status().Details.Causes {
		rest, ok := strings.CutPrefix(cause.Message, "ValidatingAdmissionPolicy '")
		if !ok {
			continue
		}
		policy, rest, ok = strings.Cut(rest, "' with binding '")
		if !ok {
			continue
		}
		_, message, _ = strings.Cut(rest, "' denied request: ")
		return policy, message
	}
	return "", ""
}

func awaitWall(ctx context.Context, admin *rest.Config, c Config, wall string) error {
	ctx, cancel := context.WithTimeout(ctx, bindWithin)
	defer cancel()
	tick := time.NewTicker(probePause)
	defer tick.Stop()
	var open error
	for {
		err := Verify(ctx, admin, c, wall)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			open = err // what the policies said, not that the time was up
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the policies do not bind: %w", errors.Join(ctx.Err(), open))
		case <-tick.C:
		}
	}
}
