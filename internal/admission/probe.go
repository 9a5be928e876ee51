package admission

import (
	"context"
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// What the probes of the fence are tried on: objects of ours, so that no
// workload is near. Nothing in their namespace ever runs.
const (
	// ProbeName is the Deployment for probes, and the container in it.
	ProbeName = "countersign-probe"
	// ProbeBefore is its earlier revision: a rollback and an image that ran
	// before need one.
	ProbeBefore = "countersign-probe-before"
	// ProbePod is the ReplicaSet whose one pod the deletion of pods is tried on.
	ProbePod = "countersign-probe-pod"
	// ProbePodLabel with the value ProbePod selects that pod.
	ProbePodLabel = "countersign.dev/probe"
	// ProbeMemory is the memory limit of the probe's container.
	ProbeMemory = "16Mi"

	probeImage = "countersign.invalid/probe"
	// neverRuns is a scheduling gate that nobody lifts. A pod that fits no node
	// would make an autoscaler look for one; a gated pod is nobody's business.
	neverRuns = "countersign.dev/never"
)

// ProbeImage and ProbeImageBefore are the images of the two revisions. The
// domain .invalid has no registry.
const (
	ProbeImage       = probeImage + ":now"
	ProbeImageBefore = probeImage + ":before"
)

// ProbeNamespace holds the objects for probes. It is never watched and never
// protected: there the executors may do what they may do in a watched namespace,
// and nothing runs that it could be done to.
func (c Config) ProbeNamespace() string { return c.Namespace + "-probe" }

// ProbePolicy names the policy that keeps everything in the namespace for probes
// from running.
func (c Config) ProbePolicy() string { return c.name("probe-namespace") }

func probePolicy(c Config) *admissionv1.ValidatingAdmissionPolicy {
	p := newPolicy(c.ProbePolicy())
	p.Spec.MatchConstraints = &admissionv1.MatchResources{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": c.ProbeNamespace()}},
		ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"*"}, Resources: []string{"pods"}},
		}}},
	}
	// The API server binds no pod that has a gate, and takes none with a gate
	// and a node.
	p.Spec.Validations = []admissionv1.Validation{
		deny("object.spec.?schedulingGates.orValue([]).exists(g, g.name == "+quote(neverRuns)+")",
			"'nothing runs in the namespace for probes: a pod keeps the scheduling gate "+neverRuns+"'"),
	}
	return p
}

// probeObjects are the workloads for probes. The earlier revision is a
// ReplicaSet without an owner: the deployment controller adopts it, because the
// Deployment selects its labels, and counts on from its revision.
func (c Config) probeObjects() []runtime.Object {
	if !c.Remediate {
		return nil
	}
	labels := map[string]string{"app": ProbeName}
	before := map[string]string{"app": ProbeName, "pod-template-hash": "before"}
	pod := map[string]string{ProbePodLabel: ProbePod}
	at := func(name string, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: c.ProbeNamespace(), Labels: labels}
	}
	set := func(name, image string, replicas int32, labels map[string]string) *appsv1.ReplicaSet {
		return &appsv1.ReplicaSet{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
			ObjectMeta: at(name, labels),
			Spec: appsv1.ReplicaSetSpec{
				Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: probeTemplate(image, labels),
			},
		}
	}
	earlier := set(ProbeBefore, ProbeImageBefore, 0, before)
	earlier.Annotations = map[string]string{"deployment.kubernetes.io/revision": "1"}
	return []runtime.Object{
		earlier,
		&appsv1.Deployment{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
			ObjectMeta: at(ProbeName, labels),
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(0)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: probeTemplate(ProbeImage, labels),
			},
		},
		set(ProbePod, ProbeImage, 1, pod),
	}
}

func probeTemplate(image string, labels map[string]string) corev1.PodTemplateSpec {
	memory := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(ProbeMemory)}
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			SchedulingGates:              []corev1.PodSchedulingGate{{Name: neverRuns}},
			AutomountServiceAccountToken: new(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: new(true), RunAsUser: new(int64(65532)),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: ProbeName, Image: image,
				Resources: corev1.ResourceRequirements{Limits: memory, Requests: memory},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// probeRights let the gate find the objects for probes, whose UIDs a Job's name
// carries, and bind the executors there as in a watched namespace.
func (c Config) probeRights() []runtime.Object {
	if !c.Remediate {
		return nil
	}
	objects := c.roleOf(c.Gate, c.ProbeNamespace(), c.Namespace, []rbacv1.PolicyRule{
		named(policyRule("apps", []string{"deployments"}, "get"), ProbeName),
		policyRule("apps", []string{"replicasets"}, "list"),
		policyRule("", []string{"pods"}, "list"),
	})
	if c.AllNamespaces {
		return objects // the executors are bound everywhere
	}
	here := c
	here.WatchNamespaces = []string{c.ProbeNamespace()}
	for _, k := range c.kinds() {
		objects = append(objects, here.bindings(string(k), string(k), c.ExecutorNamespace)...)
	}
	return objects
}

// verifyProbeNamespace tries to make a pod that could run there.
func verifyProbeNamespace(ctx context.Context, admin *rest.Config, c Config, wall string) error {
	client, err := kubernetes.NewForConfig(quick(admin))
	if err != nil {
		return fmt.Errorf("connect to probe %s: %w", c.ProbePolicy(), err)
	}
	template := probeTemplate(ProbeImage, nil)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: ProbeName}, Spec: template.Spec}
	pod.Spec.SchedulingGates = nil
	_, err = client.CoreV1().Pods(c.ProbeNamespace()).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err == nil {
		return fmt.Errorf("policy %s does not bind: a write that it must refuse got through", c.ProbePolicy())
	}
	if by, message := RefusedBy(err); by == c.ProbePolicy() && strings.Contains(message, wall) {
		return nil
	}
	return fmt.Errorf("policy %s did not refuse, something else did: %w", c.ProbePolicy(), err)
}
