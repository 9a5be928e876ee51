package admission

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/action"
)

// order is the Job that the gate may create, for account on uid.
func (w *wall) job(mode, uid, account string) *batchv1.Job {
	job := w.template.DeepCopy()
	job.Namespace = w.config.ExecutorNamespace
	job.Name = "cs-" + mode + "-" + uid + "-0123456789ab"
	job.Spec.Template.Spec.ServiceAccountName = account
	job.Spec.Template.Spec.Containers[0].Env[0].Value = "eyJ4IjoxfQ"
	return job
}

func (w *wall) gate(t *testing.T) {
	gate := w.as(w.config.GateUser(), "")
	create := func(job *batchv1.Job) error {
		_, err := gate.BatchV1().Jobs(job.Namespace).Create(t.Context(), job, metav1.CreateOptions{DryRun: dryRun})
		return err
	}
	for _, k := range w.config.Kinds {
		for _, mode := range []string{"a", "r0", "r9", "p3"} {
			t.Run(fmt.Sprintf("the right job passes: %s %s", k, mode), func(t *testing.T) {
				if err := create(w.job(mode, string(w.web.UID), string(k))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("the right job with a default spelled out passes", func(t *testing.T) {
		job := w.job("a", string(w.web.UID), "restart")
		job.Spec.Template.Spec.DNSPolicy = corev1.DNSClusterFirst
		if err := create(job); err != nil {
			t.Error(err)
		}
	})
	t.Run("the deprecated account field, which the API server overwrites, passes", func(t *testing.T) {
		job := w.job("a", string(w.web.UID), "restart")
		job.Spec.Template.Spec.DeprecatedServiceAccount = "default"
		if err := create(job); err != nil {
			t.Error(err)
		}
	})
	t.Run("an order of 64 KiB passes", func(t *testing.T) {
		job := w.job("a", string(w.web.UID), "restart")
		job.Spec.Template.Spec.Containers[0].Env[0].Value = strings.Repeat("A", 64<<10)
		if err := create(job); err != nil {
			t.Error(err)
		}
	})
	for _, m := range gateMutants() {
		t.Run("refused: "+m.name, func(t *testing.T) {
			job := w.job("a", string(w.web.UID), "restart")
			m.with(job)
			err := create(job)
			if m.invalid && isInvalid(err) {
				return
			}
			refused(t, err, w.config.GatePolicy(), m.says)
		})
	}
	w.gateElsewhere(t, gate)
}

type gateMutant struct {
	name string
	with func(*batchv1.Job)
	says string
	// invalid: the API server's own validation may refuse first.
	invalid bool
}

func gateMutants() []gateMutant {
	pod := func(f func(*corev1.PodSpec)) func(*batchv1.Job) {
		return func(j *batchv1.Job) { f(&j.Spec.Template.Spec) }
	}
	box := func(f func(*corev1.Container)) func(*batchv1.Job) {
		return func(j *batchv1.Job) { f(&j.Spec.Template.Spec.Containers[0]) }
	}
	return []gateMutant{
		{"a name of another form", func(j *batchv1.Job) { j.Name = "cs-x-" + j.Name[5:] }, "cs-x-", false},
		{"a name with something behind it", func(j *batchv1.Job) { j.Name += "-x" }, "Job name", false},
		{"a generated name", func(j *batchv1.Job) { j.GenerateName, j.Name = j.Name, "" }, "Job name", false},
		{"an annotation", func(j *batchv1.Job) { j.Annotations = map[string]string{"a": "b"} }, "metadata.annotations", false},
		{"a finalizer", func(j *batchv1.Job) { j.Finalizers = []string{"example.com/stay"} }, "metadata.finalizers", false},
		{"an owner", func(j *batchv1.Job) {
			j.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "1"}}
		}, "metadata.ownerReferences", false},
		{"a second label", func(j *batchv1.Job) { j.Labels["a"] = "b" }, IncidentLabel, false},
		{"no incident", func(j *batchv1.Job) { j.Labels = nil }, IncidentLabel, false},
		{"an incident of other characters", func(j *batchv1.Job) { j.Labels[IncidentLabel] = "A.b" }, IncidentLabel, false},
		{"another incident on the pod", func(j *batchv1.Job) {
			j.Spec.Template.Labels = map[string]string{IncidentLabel: "i2"}
		}, IncidentLabel, false},
		{"a pod without the incident", func(j *batchv1.Job) { j.Spec.Template.Labels = nil }, IncidentLabel, false},
		{"a pod label", func(j *batchv1.Job) {
			j.Spec.Template.Labels = map[string]string{IncidentLabel: j.Labels[IncidentLabel], "app": "web"}
		}, "app", false},
		{"a pod annotation", func(j *batchv1.Job) { j.Spec.Template.Annotations = map[string]string{"a": "b"} }, "annotations", false},
		{"retries", func(j *batchv1.Job) { j.Spec.BackoffLimit = new(int32(1)) }, "spec.backoffLimit", false},
		{"a longer deadline", func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = new(int64(91)) }, "spec.activeDeadlineSeconds", false},
		{"no deadline", func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = nil }, "spec.activeDeadlineSeconds", false},
		{"a longer life", func(j *batchv1.Job) { j.Spec.TTLSecondsAfterFinished = new(int32(3600)) }, "spec.ttlSecondsAfterFinished", false},
		{"a shorter life, which frees the name", func(j *batchv1.Job) { j.Spec.TTLSecondsAfterFinished = new(int32(0)) }, "spec.ttlSecondsAfterFinished", false},
		{"two pods", func(j *batchv1.Job) { j.Spec.Parallelism = new(int32(2)) }, "spec.parallelism", false},
		{"two completions", func(j *batchv1.Job) { j.Spec.Completions = new(int32(2)) }, "spec.completions", false},
		{"indexed", func(j *batchv1.Job) { j.Spec.CompletionMode = new(batchv1.IndexedCompletion) }, "spec.completionMode", true},
		{"suspended", func(j *batchv1.Job) { j.Spec.Suspend = new(true) }, "spec.suspend", false},
		{"managed by somebody else", func(j *batchv1.Job) { j.Spec.ManagedBy = new("example.com/x") }, "spec.managedBy", false},
		{"a pod failure policy", func(j *batchv1.Job) {
			j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: "DisruptionTarget", Status: "True"}},
			}}}
		}, "spec.podFailurePolicy", false},
		{"another account", pod(func(s *corev1.PodSpec) { s.ServiceAccountName = "default" }), "ServiceAccount default", false},
		{"no account", pod(func(s *corev1.PodSpec) { s.ServiceAccountName = "" }), "ServiceAccount", false},
		{"the host's network", pod(func(s *corev1.PodSpec) { s.HostNetwork = true }), "hostNetwork", false},
		{"the host's processes", pod(func(s *corev1.PodSpec) { s.HostPID = true }), "hostPID", false},
		{"a secret volume", pod(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}}
		}), "volumes", false},
		{"a host path", pod(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}), "volumes", false},
		{"an init container", pod(func(s *corev1.PodSpec) {
			c := s.Containers[0]
			c.Name = "first"
			s.InitContainers = []corev1.Container{c}
		}), "initContainers", false},
		{"a second container", pod(func(s *corev1.PodSpec) {
			c := s.Containers[0]
			c.Name = "second"
			s.Containers = append(s.Containers, c)
		}), "containers", false},
		{"a node name", pod(func(s *corev1.PodSpec) { s.NodeName = "n1" }), "nodeName", false},
		{"a node selector", pod(func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"a": "b"} }), "nodeSelector", false},
		{"a toleration", pod(func(s *corev1.PodSpec) { s.Tolerations = []corev1.Toleration{{Operator: "Exists"}} }), "tolerations", false},
		{"a priority class", pod(func(s *corev1.PodSpec) { s.PriorityClassName = "system-node-critical" }), "priorityClassName", false},
		{"a runtime class", pod(func(s *corev1.PodSpec) { s.RuntimeClassName = new("x") }), "runtimeClassName", false},
		{"pull secrets", pod(func(s *corev1.PodSpec) { s.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "s"}} }), "imagePullSecrets", false},
		{"host aliases", pod(func(s *corev1.PodSpec) {
			s.HostAliases = []corev1.HostAlias{{IP: "10.0.0.1", Hostnames: []string{"api"}}}
		}), "hostAliases", false},
		{"another DNS", pod(func(s *corev1.PodSpec) { s.DNSPolicy = corev1.DNSDefault }), "dnsPolicy", false},
		{"restarts", pod(func(s *corev1.PodSpec) { s.RestartPolicy = corev1.RestartPolicyOnFailure }), "restartPolicy", false},
		{"as root", pod(func(s *corev1.PodSpec) {
			s.SecurityContext.RunAsUser = new(int64(0))
			s.SecurityContext.RunAsNonRoot = nil
		}), "securityContext", false},
		{"without seccomp", pod(func(s *corev1.PodSpec) { s.SecurityContext.SeccompProfile = nil }), "securityContext", false},
		{"a shared process namespace", pod(func(s *corev1.PodSpec) { s.ShareProcessNamespace = new(true) }), "shareProcessNamespace", false},
		{"another image", box(func(c *corev1.Container) { c.Image = strings.Replace(c.Image, "ab", "ac", 1) }), "containers", false},
		{"another command", box(func(c *corev1.Container) { c.Command = []string{"/bin/sh"} }), "containers", false},
		{"another trusted key", box(func(c *corev1.Container) { c.Args[0] = "--order-key=k2:AAAA" }), "containers", false},
		{"fewer protected namespaces", box(func(c *corev1.Container) { c.Args[1] = "--protected-namespaces=kube-system" }), "containers", false},
		{"another control namespace", box(func(c *corev1.Container) { c.Args[2] = "--control-namespace=shop" }), "containers", false},
		{"no control namespace", box(func(c *corev1.Container) { c.Args = c.Args[:2] }), "containers", false},
		{"one more argument", box(func(c *corev1.Container) { c.Args = append(c.Args, "--protected-namespaces=") }), "containers", false},
		{"a second variable", box(func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: "HTTPS_PROXY", Value: "x"}) }), "containers", false},
		{"the order from a secret", box(func(c *corev1.Container) {
			c.Env[0] = corev1.EnvVar{Name: orderEnv, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}, Key: "k"}}}
		}), "", false},
		{"no order", box(func(c *corev1.Container) { c.Env = nil }), "order", false},
		{"another variable's name", box(func(c *corev1.Container) { c.Env[0].Name = "LD_PRELOAD" }), "containers", false},
		{"an order with other characters", box(func(c *corev1.Container) { c.Env[0].Value = "$(HOSTNAME)" }), "base64url", false},
		{"an order beyond 64 KiB", box(func(c *corev1.Container) { c.Env[0].Value = strings.Repeat("A", 64<<10+1) }), "base64url", false},
		{"variables from a config map", box(func(c *corev1.Container) {
			c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}}}}
		}), "containers", false},
		{"privileged", box(func(c *corev1.Container) {
			c.SecurityContext.Privileged, c.SecurityContext.AllowPrivilegeEscalation = new(true), nil
		}), "containers", false},
		{"a capability", box(func(c *corev1.Container) { c.SecurityContext.Capabilities.Add = []corev1.Capability{"NET_RAW"} }), "containers", false},
		{"a writable root", box(func(c *corev1.Container) { c.SecurityContext.ReadOnlyRootFilesystem = new(false) }), "containers", false},
		{"more memory", box(func(c *corev1.Container) { c.Resources.Limits["memory"] = resource.MustParse("1Gi") }), "containers", false},
		{"no limits", box(func(c *corev1.Container) { c.Resources.Limits = nil }), "containers", false},
		{"a lifecycle hook", box(func(c *corev1.Container) {
			c.Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}}
		}), "containers", false},
		{"another termination message path", box(func(c *corev1.Container) { c.TerminationMessagePath = "/tmp/x" }), "containers", false},
		{"the log as termination message", box(func(c *corev1.Container) { c.TerminationMessagePolicy = "FallbackToLogsOnError" }), "containers", false},
		{"another working directory", box(func(c *corev1.Container) { c.WorkingDir = "/proc" }), "containers", false},
		{"a terminal", box(func(c *corev1.Container) { c.TTY = true }), "containers", false},
	}
}

// gateElsewhere: the gate in other places than its Jobs.
func (w *wall) gateElsewhere(t *testing.T, gate *kubernetes.Clientset) {
	ctx, opts, own := t.Context(), metav1.CreateOptions{DryRun: dryRun}, w.config.Namespace
	lease := func(name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	config := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	event := func(namespace string) *corev1.Event {
		return &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "e"}, InvolvedObject: corev1.ObjectReference{Namespace: namespace}}
	}
	cases := []struct {
		name string
		do   func() error
		pass bool
	}{
		{"its own Lease", func() error {
			_, err := gate.CoordinationV1().Leases(own).Create(ctx, lease(w.config.Gate), opts)
			return err
		}, true},
		{"the watcher's Lease", func() error {
			_, err := gate.CoordinationV1().Leases(own).Create(ctx, lease(w.config.Watcher), opts)
			return err
		}, false},
		{"the audit anchor", func() error {
			_, err := gate.CoreV1().ConfigMaps(own).Update(ctx, config(action.AnchorName), metav1.UpdateOptions{DryRun: dryRun})
			return err
		}, true},
		{"another ConfigMap", func() error {
			_, err := gate.CoreV1().ConfigMaps(own).Create(ctx, config(action.SignersName), opts)
			return err
		}, false},
		{"the anchor elsewhere", func() error {
			_, err := gate.CoreV1().ConfigMaps(w.shop).Create(ctx, config(action.AnchorName), opts)
			return err
		}, false},
		{"an Event", func() error { _, err := gate.CoreV1().Events(own).Create(ctx, event(own), opts); return err }, true},
		{"an Event elsewhere", func() error { _, err := gate.CoreV1().Events(w.shop).Create(ctx, event(w.shop), opts); return err }, false},
		{"a Job elsewhere", func() error {
			job := w.job("a", string(w.web.UID), "restart")
			job.Namespace = w.shop
			_, err := gate.BatchV1().Jobs(w.shop).Create(ctx, job, opts)
			return err
		}, false},
		{"a pod", func() error {
			_, err := gate.CoreV1().Pods(w.shop).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Spec: w.web.Spec.Template.Spec}, opts)
			return err
		}, false},
		{"deleting a pod", func() error {
			return gate.CoreV1().Pods(w.shop).Delete(ctx, w.managed.Name, metav1.DeleteOptions{DryRun: dryRun})
		}, false},
		{"scaling", func() error {
			_, err := gate.AppsV1().Deployments(w.shop).Patch(ctx, "web", mergePatch, []byte(`{"spec":{"replicas":2}}`), metav1.PatchOptions{DryRun: dryRun}, "scale")
			return err
		}, false},
		{"its own token", func() error {
			_, err := gate.CoreV1().ServiceAccounts(own).CreateToken(ctx, w.config.Gate, tokenRequest(), opts)
			return err
		}, false},
		{"exec", func() error { return execInto(t, gate, w.shop, w.managed.Name) }, false},
	}
	for _, tc := range cases {
		t.Run("elsewhere: "+tc.name, func(t *testing.T) {
			err := tc.do()
			if tc.pass && err != nil {
				t.Error(err)
			}
			if !tc.pass {
				refused(t, err, w.config.GatePolicy(), "the gate may only")
			}
		})
	}
}
