package stand

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/test/cluster"
)

// gatekeeper is a real Gatekeeper that reviews what the stand's accounts write.
type gatekeeper struct {
	s    *Stand
	real *cluster.Gatekeeper
}

// register installs Gatekeeper, gives it the constraints of the stand's wall and
// makes the API server ask it. There is one Gatekeeper in a cluster.
func (g *gatekeeper) register(ctx context.Context) (err error) {
	g.s.cfg.Log("installing Gatekeeper")
	if g.real, err = g.s.Cluster.Gatekeeper(ctx); err != nil {
		return err
	}
	constraints, err := g.s.Wall.GatekeeperConstraints()
	if err != nil {
		return err
	}
	for i, template := range []string{"executor", "gate"} {
		if err := g.real.Enforce(ctx, template, constraints[i]); err != nil {
			return err
		}
	}
	hooks := g.s.Wall.GatekeeperWebhook(admission.GatekeeperService{CABundle: g.real.CABundle})
	if _, err := g.s.Kube.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, hooks, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("register Gatekeeper: %w", err)
	}
	return nil
}

// remove takes the registration away first: it fails closed.
func (g *gatekeeper) remove(ctx context.Context) error {
	if g.real == nil {
		return nil // it was never installed
	}
	name := g.s.Wall.GatekeeperWebhook(admission.GatekeeperService{}).Name
	err := g.s.Kube.AdmissionregistrationV1().ValidatingWebhookConfigurations().Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		err = nil
	}
	return errors.Join(err, g.real.Remove(ctx))
}
