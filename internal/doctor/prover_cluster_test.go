package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/admission"
)

// provenWithin is generous: five Jobs start on a machine that others share.
const provenWithin = 90 * time.Second

func TestOnARealClusterTheFenceIsProvenAndEveryHoleIsNoticed(t *testing.T) {
	s := newStage(t)
	p := s.prover()
	if halt := p.Halt(); halt != BeingProven {
		t.Fatalf("before the first proof Halt says %q", halt)
	}
	t.Logf("proven after %s", s.says(t, p, provenWithin, ""))
	at, ctx := s.client.AdmissionregistrationV1(), t.Context()
	name := s.config.ExecutorPolicy(action.SetImage)

	t.Run("a binding that is deleted is told within two seconds and by its name", func(t *testing.T) {
		drain(p)
		held, err := at.ValidatingAdmissionPolicyBindings().Get(ctx, name, metav1.GetOptions{})
		fatal(t, err)
		fatal(t, at.ValidatingAdmissionPolicyBindings().Delete(ctx, name, metav1.DeleteOptions{}))
		t.Logf("told after %s", s.says(t, p, 2*time.Second, "binding "+name+" is missing"))
		select {
		case <-p.Changed():
		default:
			t.Error("Changed was not sent to")
		}
		// The proof that follows says the same in the same words.
		told := p.Halt()
		for end := time.Now().Add(settle + 2*time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if now := p.Halt(); now != told {
				t.Fatalf("the cause stands, and Halt says %q after %q", now, told)
			}
		}
		again := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: held.Labels}, Spec: held.Spec}
		_, err = at.ValidatingAdmissionPolicyBindings().Create(ctx, again, metav1.CreateOptions{})
		fatal(t, err)
		s.says(t, p, 2*time.Second, BeingProven)
		t.Logf("put back: proven after %s", s.says(t, p, provenWithin, ""))
	})
	t.Run("a policy that lost a validation is told", func(t *testing.T) {
		live, err := at.ValidatingAdmissionPolicies().Get(ctx, name, metav1.GetOptions{})
		fatal(t, err)
		live.Spec.Validations = slices.Delete(live.Spec.Validations, 3, 4)
		_, err = at.ValidatingAdmissionPolicies().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		s.says(t, p, 2*time.Second, "policy "+name+" is not the one that this version installs")
		s.install(t)
		s.says(t, p, provenWithin, "")
	})
	t.Run("a binding that only warns is told", func(t *testing.T) {
		live, err := at.ValidatingAdmissionPolicyBindings().Get(ctx, s.config.GatePolicy(), metav1.GetOptions{})
		fatal(t, err)
		live.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Warn}
		_, err = at.ValidatingAdmissionPolicyBindings().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		s.says(t, p, 2*time.Second, "binding "+s.config.GatePolicy()+" does not deny")
		live, err = at.ValidatingAdmissionPolicyBindings().Get(ctx, s.config.GatePolicy(), metav1.GetOptions{})
		fatal(t, err)
		live.Spec.ValidationActions = []admissionv1.ValidationAction{admissionv1.Deny}
		_, err = at.ValidatingAdmissionPolicyBindings().Update(ctx, live, metav1.UpdateOptions{})
		fatal(t, err)
		s.says(t, p, provenWithin, "")
	})
	t.Run("without an object to probe there is no proof", func(t *testing.T) {
		sets := s.client.AppsV1().ReplicaSets(s.config.ProbeNamespace())
		fatal(t, sets.Delete(ctx, admission.ProbePod, metav1.DeleteOptions{}))
		s.gone(t)
		p.poke()
		s.says(t, p, provenWithin, "the pod for probes is missing")
		s.install(t)
		p.poke()
		s.says(t, p, provenWithin, "")
	})
	t.Run("the probes themselves meet a hole, whatever the comparison says", func(t *testing.T) {
		// The comparison comes first in a proof and would hide them.
		alone := &Prover{cfg: p.cfg, client: p.client, log: p.log}
		sample, err := s.template.Sample()
		fatal(t, err)
		for _, hole := range []string{name, s.config.GatePolicy()} {
			fatal(t, at.ValidatingAdmissionPolicyBindings().Delete(ctx, hole, metav1.DeleteOptions{}))
		}
		s.opens(t, name)
		s.opens(t, s.config.GatePolicy())
		why, err := alone.probeExecutors(ctx)
		if want := "policy " + name + " does not refuse host-network"; err != nil || why != want {
			t.Errorf("%q, %v; want %q", why, err, want)
		}
		why, err = triesAsGate(ctx, p.client, s.config, sample, "")
		if want := "policy " + s.config.GatePolicy() + " does not refuse a foreign Job"; err != nil || why != want {
			t.Errorf("%q, %v; want %q", why, err, want)
		}
		s.install(t)
		s.says(t, p, provenWithin, "")
		if why, err = triesAsGate(ctx, p.client, s.config, sample, "wall none"); err != nil || !strings.Contains(why, "another one than this version installs") {
			t.Errorf("with another version's mark: %q, %v", why, err)
		}
	})
	t.Run("who may not watch the policies is halted until he may", func(t *testing.T) {
		bindings := s.client.RbacV1().ClusterRoleBindings()
		role := s.config.GatePolicy()[:len(s.config.GatePolicy())-len("-job")] // countersign-INSTANCE-gate
		held, err := bindings.Get(ctx, role, metav1.GetOptions{})
		fatal(t, err)
		fatal(t, bindings.Delete(ctx, role, metav1.DeleteOptions{}))
		time.Sleep(time.Second) // the authorizer learns of it by a watch
		late := s.prover()
		s.says(t, late, provenWithin, "its policies cannot be watched")
		held.ResourceVersion, held.UID = "", ""
		_, err = bindings.Create(ctx, held, metav1.CreateOptions{})
		fatal(t, err)
		s.says(t, late, provenWithin, "")
	})
	t.Run("nothing runs in the namespace for probes", func(t *testing.T) {
		pods, err := s.client.CoreV1().Pods(s.config.ProbeNamespace()).List(ctx, metav1.ListOptions{})
		fatal(t, err)
		if len(pods.Items) != 1 {
			t.Fatalf("%d pods, want one", len(pods.Items))
		}
		pod := &pods.Items[0]
		if pod.Spec.NodeName != "" || pod.Status.Phase != corev1.PodPending {
			t.Errorf("the pod for probes is %s on %q", pod.Status.Phase, pod.Spec.NodeName)
		}
		pod.Spec.SchedulingGates = nil
		_, err = s.client.CoreV1().Pods(pod.Namespace).Update(ctx, pod, metav1.UpdateOptions{})
		if by, _ := admission.RefusedBy(err); by != s.config.ProbePolicy() {
			t.Errorf("lifting the gate was refused by %q: %v", by, err)
		}
		d, err := s.client.AppsV1().Deployments(pod.Namespace).Get(ctx, admission.ProbeName, metav1.GetOptions{})
		fatal(t, err)
		if *d.Spec.Replicas != 0 || d.Annotations[revisionNote] != "2" {
			t.Errorf("%d replicas, revision %s", *d.Spec.Replicas, d.Annotations[revisionNote])
		}
	})
}

// gone waits until the pod for probes is.
func (s *stage) gone(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		pods, err := s.client.CoreV1().Pods(s.config.ProbeNamespace()).List(t.Context(), metav1.ListOptions{})
		fatal(t, err)
		if len(pods.Items) == 0 {
			return
		}
	}
	t.Fatal("the pod for probes does not go")
}

func drain(p *Prover) {
	select {
	case <-p.Changed():
	default:
	}
}

// poke stands for the ten minutes.
func (p *Prover) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
