package watch

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
)

func deployment(ns, name string, pod corev1.PodSpec) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
		},
	}
}

func resources(name corev1.ResourceName, quantity string) corev1.ResourceRequirements {
	list := corev1.ResourceList{name: resource.MustParse(quantity)}
	return corev1.ResourceRequirements{Requests: list, Limits: list}
}

func tcpProbe(port int) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt(port)}},
		PeriodSeconds: 2, FailureThreshold: 2,
	}
}

// liveFault is a workload and what should be seen of it.
type liveFault struct {
	name    string
	pod     corev1.PodSpec
	symptom incident.Symptom
	event   string // a reason among the collected events
	log     string // a line of the collected logs
	absent  [2]string
}

func busybox(script string) corev1.Container {
	return corev1.Container{
		Name: "web", Image: "docker.io/library/busybox:latest", ImagePullPolicy: corev1.PullIfNotPresent,
		Command: []string{"sh", "-c", script},
	}
}

func with(c corev1.Container, change func(*corev1.Container)) corev1.PodSpec {
	if change != nil {
		change(&c)
	}
	return corev1.PodSpec{Containers: []corev1.Container{c}, TerminationGracePeriodSeconds: new(int64)}
}

func liveFaults() []liveFault {
	return []liveFault{
		{name: "tag", symptom: incident.SymptomImagePull, event: "Failed",
			pod: with(busybox("sleep 3600"), func(c *corev1.Container) { c.Image = "docker.io/library/busybox:no-such-tag" })},
		{name: "key", symptom: incident.SymptomConfigError, event: "Failed", absent: [2]string{"ConfigMap", "no-such-map"},
			pod: with(busybox("sleep 3600"), func(c *corev1.Container) {
				c.EnvFrom = []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "no-such-map"}}}}
			})},
		{name: "crash", symptom: incident.SymptomCrashLoop, event: "BackOff", log: "DATABASE_URL is not set",
			pod: with(busybox("echo starting; echo 'DATABASE_URL is not set'; exit 3"), nil)},
		{name: "oom", symptom: incident.SymptomOOMKilled,
			pod: with(busybox("x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done"), func(c *corev1.Container) {
				c.Resources = resources("memory", "16Mi")
			})},
		{name: "command", symptom: incident.SymptomStartFailure, event: "Failed",
			pod: with(busybox(""), func(c *corev1.Container) { c.Command = []string{"/no/such/program"} })},
		{name: "huge", symptom: incident.SymptomUnschedulable, event: "FailedScheduling",
			pod: with(busybox("sleep 3600"), func(c *corev1.Container) { c.Resources = resources("cpu", "5000") })},
		{name: "port", symptom: incident.SymptomProbeFailing, event: "Unhealthy",
			pod: with(busybox("sleep 3600"), func(c *corev1.Container) { c.ReadinessProbe = tcpProbe(9) })},
		{name: "volume", symptom: incident.SymptomConfigError, event: "FailedMount", absent: [2]string{"Secret", "no-such-secret"},
			pod: func() corev1.PodSpec {
				p := with(busybox("sleep 3600"), func(c *corev1.Container) {
					c.VolumeMounts = []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}
				})
				p.Volumes = []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "no-such-secret"}}}}
				return p
			}()},
	}
}
