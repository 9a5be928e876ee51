package admission

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign-dev/countersign/internal/action"
)

var (
	mutants = flag.Int("mutants", 600, "random mutants of the Job and of each executor's change")
	seed    = flag.Uint64("seed", 0, "seed of the mutants; 0 is a new one")
)

func generator(t *testing.T) *rand.Rand {
	n := *seed
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("seed %d", n)
	return rand.New(rand.NewPCG(n, 1))
}

// anyOtherJob: whatever the gate sends, what gets through is the pinned Job as
// the API server completes it.
func (w *wall) anyOtherJob(t *testing.T) {
	r, gate := generator(t), w.as(w.config.GateUser(), "")
	jobs := gate.BatchV1().Jobs(w.config.ExecutorNamespace)
	right := w.job("a", string(w.web.UID), "restart")
	want, err := jobs.Create(t.Context(), right, metav1.CreateOptions{DryRun: dryRun})
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for range *mutants {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(right)
		if err != nil {
			t.Fatal(err)
		}
		spoil(r, content, jobAdditions())
		mutant := &batchv1.Job{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, mutant); err != nil {
			counts["no Job at all"]++
			continue
		}
		mutant.Namespace = w.config.ExecutorNamespace
		got, err := jobs.Create(t.Context(), mutant, metav1.CreateOptions{DryRun: dryRun})
		by, _ := RefusedBy(err)
		switch {
		case by != "":
			counts[strings.TrimPrefix(by, prefix+w.config.Instance+"-")]++
		case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err):
			counts["validation"]++
		case err != nil:
			t.Errorf("refused by something else: %v", err)
		default:
			counts["passed as the same"]++
			if diff := difference(want, got); diff != "" {
				t.Errorf("another Job got through: %s\n%v", diff, content)
			}
		}
	}
	t.Log(counts)
	if counts["gate-job"] < *mutants/4 {
		t.Errorf("only %d of %d mutants met the policy", counts["gate-job"], *mutants)
	}
}

// difference compares two Jobs but for the digest in the name, the incident, the
// order and the account, which the policy checks by form.
func difference(want, got *batchv1.Job) string {
	a, b := want.DeepCopy(), got.DeepCopy()
	for _, j := range []*batchv1.Job{a, b} {
		j.ObjectMeta = metav1.ObjectMeta{Labels: map[string]string{"count": fmt.Sprint(len(j.Labels)), "annotations": fmt.Sprint(len(j.Annotations))}}
		j.Spec.Selector = nil
		j.Spec.Template.Labels = map[string]string{"count": fmt.Sprint(len(j.Spec.Template.Labels))}
		pod := &j.Spec.Template.Spec
		pod.ServiceAccountName, pod.DeprecatedServiceAccount = "", ""
		for i := range pod.Containers {
			for k := range pod.Containers[i].Env {
				pod.Containers[i].Env[k].Value = ""
			}
		}
	}
	if equality.Semantic.DeepEqual(a, b) {
		return ""
	}
	return fmt.Sprintf("%+v\n!=\n%+v", a.Spec, b.Spec)
}

// anyOtherChange: whatever an executor sends, what gets through differs from
// the live object in its kind's fields only. The fields are named here a second
// time, independently of the table.
func (w *wall) anyOtherChange(t *testing.T) {
	mask := map[action.Kind]func(*appsv1.Deployment){
		action.Restart: func(d *appsv1.Deployment) { delete(d.Spec.Template.Annotations, restartedAt) },
		action.SetImage: func(d *appsv1.Deployment) {
			for i := range template(d).Containers {
				template(d).Containers[i].Image = ""
			}
		},
		action.SetResources: func(d *appsv1.Deployment) {
			for i := range template(d).Containers {
				delete(template(d).Containers[i].Resources.Limits, "memory")
				delete(template(d).Containers[i].Resources.Requests, "memory")
			}
		},
		action.Rollback: func(d *appsv1.Deployment) {
			delete(d.Spec.Template.Annotations, restartedAt)
			for _, list := range [][]corev1.Container{template(d).Containers, template(d).InitContainers} {
				for i, c := range list {
					list[i] = corev1.Container{
						Name: c.Name, Ports: c.Ports, VolumeMounts: c.VolumeMounts, SecurityContext: c.SecurityContext, Lifecycle: c.Lifecycle, TTY: c.TTY, Stdin: c.Stdin,
						TerminationMessagePath: c.TerminationMessagePath, TerminationMessagePolicy: c.TerminationMessagePolicy, RestartPolicy: c.RestartPolicy,
					}
				}
			}
		},
	}
	r := generator(t)
	for _, kind := range w.config.kinds() {
		if mask[kind] == nil {
			continue
		}
		t.Run(string(kind), func(t *testing.T) { w.randomChanges(t, r, kind, mask[kind]) })
	}
}

func (w *wall) randomChanges(t *testing.T, r *rand.Rand, kind action.Kind, mask func(*appsv1.Deployment)) {
	counts := map[string]int{}
	deployments := w.as(w.config.ExecutorUser(kind), podFor("a", w.web.UID)).AppsV1().Deployments(w.shop)
	live, err := w.client.AppsV1().Deployments(w.shop).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	masked := func(d *appsv1.Deployment) *appsv1.Deployment {
		c := d.DeepCopy()
		mask(c)
		for _, s := range stamps() {
			delete(c.Annotations, s)
		}
		delete(c.Annotations, "deployment.kubernetes.io/revision")
		return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: c.Name, UID: c.UID, Labels: c.Labels, Annotations: c.Annotations, Finalizers: c.Finalizers, OwnerReferences: c.OwnerReferences}, Spec: c.Spec}
	}
	for range *mutants / 4 {
		start := live.DeepCopy()
		legal()[kind](start)
		start.ManagedFields, start.Status, start.ResourceVersion = nil, appsv1.DeploymentStatus{}, ""
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(start)
		if err != nil {
			t.Fatal(err)
		}
		spoil(r, content, podAdditions("spec.template.spec"))
		mutant := &appsv1.Deployment{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, mutant); err != nil || mutant.Name != "web" || mutant.Namespace != w.shop {
			counts["no such Deployment"]++
			continue
		}
		got, err := deployments.Update(t.Context(), mutant, metav1.UpdateOptions{DryRun: dryRun})
		by, _ := RefusedBy(err)
		switch {
		case by != "":
			counts["policy"]++
		case apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsConflict(err):
			counts["validation"]++
		case err != nil:
			t.Errorf("refused by something else: %v", err)
		default:
			counts["passed in bounds"]++
			if a, b := masked(live), masked(got); !equality.Semantic.DeepEqual(a, b) {
				t.Errorf("another change got through:\n%+v\n%+v", a, b)
			}
		}
	}
	t.Log(counts)
	if counts["policy"] < *mutants/16 {
		t.Errorf("only %d mutants met the policy", counts["policy"])
	}
}
