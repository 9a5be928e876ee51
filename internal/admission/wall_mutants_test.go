package admission

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

type mutant struct {
	name string
	with edit
	says string
}

// deploymentMutants are refused to every kind, beside its legal change.
func deploymentMutants() []mutant {
	const containers = "spec.template.spec.containers"
	return []mutant{
		{"replicas", func(d *appsv1.Deployment) { d.Spec.Replicas = new(int32(7)) }, "spec.replicas"},
		{"paused", func(d *appsv1.Deployment) { d.Spec.Paused = true }, "spec.paused"},
		{"the strategy", func(d *appsv1.Deployment) { d.Spec.MinReadySeconds = 9 }, "spec.minReadySeconds"},
		{"a label", func(d *appsv1.Deployment) { d.Labels = map[string]string{"a": "b"} }, "metadata.labels"},
		{"a foreign annotation", func(d *appsv1.Deployment) { d.Annotations["a"] = "b" }, "metadata.annotations.a"},
		{"an annotation removed", func(d *appsv1.Deployment) { delete(d.Annotations, "note") }, "metadata.annotations.note"},
		{"a stamp with markup", func(d *appsv1.Deployment) { d.Annotations["countersign.dev/at"] = "<!channel>" }, "stamp"},
		{"a stamp too long", func(d *appsv1.Deployment) { d.Annotations["countersign.dev/at"] = strings.Repeat("1", 121) }, "stamp"},
		{"a finalizer", func(d *appsv1.Deployment) { d.Finalizers = []string{"example.com/stay"} }, "metadata.finalizers"},
		{"an owner", func(d *appsv1.Deployment) {
			d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "1"}}
		}, "metadata.ownerReferences"},
		{"a pod label", func(d *appsv1.Deployment) { d.Spec.Template.Labels["a"] = "b" }, "spec.template.metadata"},
		{"a pod annotation", func(d *appsv1.Deployment) { d.Spec.Template.Annotations["checksum"] = "2" }, "annotations"},
		{"the host's network", func(d *appsv1.Deployment) { template(d).HostNetwork = true }, "spec.template.spec.hostNetwork"},
		{"the host's processes", func(d *appsv1.Deployment) { template(d).HostPID = true }, "spec.template.spec.hostPID"},
		{"the account", func(d *appsv1.Deployment) { template(d).ServiceAccountName = "admin" }, "spec.template.spec.serviceAccountName"},
		{"a host path", func(d *appsv1.Deployment) {
			template(d).Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}, "spec.template.spec.volumes"},
		{"a node", func(d *appsv1.Deployment) { template(d).NodeSelector = nil }, "spec.template.spec.nodeSelector"},
		{"another container", func(d *appsv1.Deployment) {
			template(d).Containers = append(template(d).Containers, corev1.Container{Name: "x", Image: "x"})
		}, containers},
		{"a container less", func(d *appsv1.Deployment) { template(d).Containers = template(d).Containers[:1] }, containers},
		{"a container renamed", func(d *appsv1.Deployment) { template(d).Containers[1].Name = "x" }, containers},
		{"containers exchanged", func(d *appsv1.Deployment) {
			c := template(d).Containers
			c[0], c[1] = c[1], c[0]
		}, containers},
		{"privileged", func(d *appsv1.Deployment) {
			template(d).Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		}, containers},
		{"a mounted volume", func(d *appsv1.Deployment) {
			template(d).Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			template(d).Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/x"}}
		}, "spec.template.spec.volumes"},
		{"a lifecycle hook", func(d *appsv1.Deployment) {
			template(d).Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}}
		}, containers},
		{"a capability of the init container", func(d *appsv1.Deployment) {
			template(d).InitContainers[0].SecurityContext = &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"SYS_ADMIN"}}}
		}, "initContainers"},
		{"another init container", func(d *appsv1.Deployment) {
			template(d).InitContainers = append(template(d).InitContainers, corev1.Container{Name: "x", Image: "x"})
		}, "initContainers"},
	}
}

// kindMutants are refused to one kind alone.
func kindMutants() map[action.Kind][]mutant {
	const containers = "spec.template.spec.containers"
	command := mutant{"a command", func(d *appsv1.Deployment) { template(d).Containers[0].Command = []string{"sh"} }, containers}
	env := mutant{"a variable", func(d *appsv1.Deployment) { template(d).Containers[0].Env = nil }, containers}
	image := mutant{"an image", func(d *appsv1.Deployment) { template(d).Containers[1].Image = "x" }, ""}
	initImage := mutant{"an init container's image", func(d *appsv1.Deployment) { template(d).InitContainers[0].Image = "x" }, "initContainers"}
	limits := func(i int, what corev1.ResourceName, q string) edit {
		return func(d *appsv1.Deployment) { template(d).Containers[i].Resources.Limits[what] = quantityOf(q) }
	}
	return map[action.Kind][]mutant{
		action.Restart: {command, env, image, initImage,
			{"a time with an offset", func(d *appsv1.Deployment) { d.Spec.Template.Annotations[restartedAt] = "2026-11-20T12:00:00+01:00" }, "UTC time"},
			{"text in place of a time", func(d *appsv1.Deployment) { d.Spec.Template.Annotations[restartedAt] = "now" }, "UTC time"},
		},
		action.SetImage: {command, env, initImage,
			{"two images", func(d *appsv1.Deployment) { template(d).Containers[1].Image = "x" }, "more than one container"},
			{"the pull policy", func(d *appsv1.Deployment) { template(d).Containers[0].ImagePullPolicy = "Always" }, containers},
		},
		action.SetResources: {command, env, image, initImage,
			{"memory more than doubled", limits(0, "memory", "257Mi"), "at most double"},
			{"memory of another container too", limits(1, "memory", "200Mi"), "more than one container"},
			{"the cpu limit", limits(0, "cpu", "2"), "other than memory"},
			{"a cpu request", func(d *appsv1.Deployment) { template(d).Containers[0].Resources.Requests["cpu"] = quantityOf("1") }, "other than memory"},
			{"storage", limits(0, "ephemeral-storage", "1Gi"), "other than memory"},
			{"the memory limit removed", func(d *appsv1.Deployment) { delete(template(d).Containers[0].Resources.Limits, "memory") }, "removed"},
			{"the memory request removed", func(d *appsv1.Deployment) { delete(template(d).Containers[0].Resources.Requests, "memory") }, "removed"},
			{"all resources removed", func(d *appsv1.Deployment) { template(d).Containers[0].Resources = corev1.ResourceRequirements{} }, ""},
		},
		action.Rollback: {
			{"a port", func(d *appsv1.Deployment) {
				template(d).Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80}}
			}, containers},
		},
	}
}
