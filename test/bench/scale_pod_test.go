package bench_test

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// podSpec is that of a common application of two containers: environment, probes,
// limits and volumes. The API server adds the token's volume, defaults and managed
// fields.
func podSpec(app string) corev1.PodSpec {
	spec := corev1.PodSpec{
		Volumes: []corev1.Volume{
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: app}}}},
			{Name: "cache", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
		Tolerations: []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "shop", Effect: corev1.TaintEffectNoSchedule}},
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	for n, name := range []string{"web", "proxy"} {
		port := int32(8080 + n)
		c := corev1.Container{
			Name: name, Image: "registry.example/shop/" + name + ":1.2.3", Args: []string{"serve", "--config=/etc/shop/" + name + ".yaml"},
			Ports: []corev1.ContainerPort{{Name: "http-" + name, ContainerPort: port}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{"memory": resource.MustParse("256Mi")},
			},
			ReadinessProbe: httpProbe(port), LivenessProbe: httpProbe(port),
			VolumeMounts:    []corev1.VolumeMount{{Name: "config", MountPath: "/etc/shop"}, {Name: "cache", MountPath: "/var/cache/shop"}},
			SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: ptr(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
		}
		for i := range 10 {
			c.Env = append(c.Env, corev1.EnvVar{Name: fmt.Sprintf("SHOP_SETTING_%d", i), Value: fmt.Sprintf("value %d of %s in %s", i, name, app)})
		}
		c.Env = append(c.Env, corev1.EnvVar{Name: "POD_IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}})
		spec.Containers = append(spec.Containers, c)
	}
	return spec
}

func httpProbe(port int32) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(port)}}, PeriodSeconds: 5}
}

func ptr[T any](v T) *T { return &v }

// podOf is the nth pod of a ReplicaSet, bound to a node.
func podOf(rs *appsv1.ReplicaSet, n int, node string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: *rs.Spec.Template.ObjectMeta.DeepCopy(), Spec: *rs.Spec.Template.Spec.DeepCopy()}
	p.Namespace, p.Name = rs.Namespace, fmt.Sprintf("%s-%05d", rs.Name, n)
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(rs, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))}
	p.Spec.NodeName = node
	return p
}

// runs is the status that a kubelet writes about a pod that does well.
func runs(p *corev1.Pod, n int) corev1.PodStatus {
	now := metav1.Now()
	ip := fmt.Sprintf("10.%d.%d.%d", 128+n/62500, n/250%250, n%250+2)
	s := corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &now, HostIP: "192.0.2.7", HostIPs: []corev1.HostIP{{IP: "192.0.2.7"}},
		PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}, QOSClass: corev1.PodQOSBurstable,
	}
	for _, kind := range []corev1.PodConditionType{"PodReadyToStartContainers", corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		s.Conditions = append(s.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	for i, c := range p.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, Started: ptr(true), Image: c.Image,
			ImageID:     fmt.Sprintf("registry.example/shop/%s@sha256:%064x", c.Name, i+1),
			ContainerID: fmt.Sprintf("containerd://%064x", 2*n+i), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	return s
}

// lacks is the status of a pod whose containers cannot be made: an object that
// its environment names does not exist.
func lacks(p *corev1.Pod, n int, said string) corev1.PodStatus {
	s := runs(p, n)
	s.Phase = corev1.PodPending
	unready(&s)
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		c.Ready, c.Started, c.ContainerID = false, ptr(false), ""
		c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: said}}
	}
	return s
}

// crashes is the status of a pod whose first container ends again and again.
func crashes(p *corev1.Pod, n int) corev1.PodStatus {
	s := runs(p, n)
	unready(&s)
	c := &s.ContainerStatuses[0]
	c.Ready, c.Started, c.RestartCount = false, ptr(false), 4
	now := metav1.Now()
	c.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 3, Reason: "Error", StartedAt: now, FinishedAt: now, ContainerID: c.ContainerID,
	}}
	c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "CrashLoopBackOff", Message: "back-off 1m20s restarting failed container=" + c.Name + " pod=" + p.Name,
	}}
	return s
}

func unready(s *corev1.PodStatus) {
	for i := range s.Conditions {
		if c := &s.Conditions[i]; c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
			c.Status, c.Reason = corev1.ConditionFalse, "ContainersNotReady"
		}
	}
}
