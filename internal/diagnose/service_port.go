package diagnose

import (
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// What proves that nobody serves a target port:
//
//   - A name is proof by itself: a pod without a container port of that name and
//     protocol gets no endpoint for it.
//   - A number is not: containerPort only informs, a program may listen where it
//     declares nothing. Here every container has to declare its ports, none of
//     them the target. Then a caller whose connection is refused while the pods
//     are ready proves it. So does a readiness probe that reaches a declared port
//     to which no Service leads, if the Service by its port or its port's name
//     means just that one. A pod with a declared port for HTTP and an undeclared
//     one for metrics or gRPC is common. So does the one declared port of pods to
//     which no Service leads, if the Service has but one port itself.

// deadPort is a port of a Service that none of its pods serves.
type deadPort struct {
	index  int // in spec.ports
	port   corev1.ServicePort
	served int32 // a port that the pods do serve, by probe; 0 where that is not known
	pod    *corev1.Pod
	since  time.Time
	// refused is set where the log of caller says so in call.
	refused bool
	caller  fault
	call    waiting
}

func (d deadPort) target() string {
	t := targetOf(d.port)
	return t.String()
}

// targetOf is the target port; without one it is the port itself.
func targetOf(p corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal == 0 {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// deadPort finds one, where ready pods stand behind the Service. Clients of a
// headless Service choose the port themselves.
func (l *look) deadPort(svc *corev1.Service) (deadPort, bool) {
	suspects := l.undeclaredPorts(svc)
	if len(suspects) == 0 {
		return deadPort{}, false
	}
	pods := l.x.PodsSelected(svc.Namespace, svc.Spec.Selector)
	ready := readyOnes(pods)
	for _, i := range suspects {
		port := svc.Spec.Ports[i]
		if len(ready) == 0 || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return declared(&p.Spec, port) }) {
			continue
		}
		d := deadPort{index: i, port: port, pod: ready[0], since: readySince(ready)}
		if targetOf(port).Type == intstr.String {
			return d, true
		}
		if !l.undeclared(ready, port) {
			continue
		}
		if d.served = l.servedInstead(ready, port); d.served != 0 {
			return d, true
		}
		if d.caller, d.call, d.refused = l.refusedBy(svc, d); d.refused {
			return d, true
		}
		if d.served = l.onlyPort(svc, ready, port); d.served != 0 {
			return d, true
		}
	}
	return deadPort{}, false
}

// undeclaredPorts lists the ports, by index, whose target no template behind the
// Service declares; pods may still be of an older one.
func (l *look) undeclaredPorts(svc *corev1.Service) []int {
	if svc.Spec.ClusterIP == corev1.ClusterIPNone {
		return nil
	}
	behind := l.x.Behind(svc)
	var out []int
	for i, port := range svc.Spec.Ports {
		if !slices.ContainsFunc(behind, func(t kube.Template) bool { return declared(&t.Pod.Spec, port) }) {
			out = append(out, i)
		}
	}
	return out
}

// declared reports whether a container of spec declares the target of port, as
// the endpoint controller resolves it.
func declared(spec *corev1.PodSpec, port corev1.ServicePort) bool {
	target := targetOf(port)
	return slices.ContainsFunc(serving(spec), func(c corev1.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
			if protocol(p.Protocol) != protocol(port.Protocol) {
				return false
			}
			return target.Type == intstr.String && p.Name == target.StrVal || target.Type == intstr.Int && p.ContainerPort == target.IntVal
		})
	})
}

func protocol(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}

// serving lists the containers that run as long as the pod: sidecars stand among
// the init containers.
func serving(spec *corev1.PodSpec) []corev1.Container {
	out := slices.Clone(spec.Containers)
	for _, c := range spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, c)
		}
	}
	return out
}

// provePort says where a Service leads, and what its pods serve instead.
func provePort(l *look, f fault) (proof, bool) {
	svc, ok := l.top.(*corev1.Service)
	if !ok || f.symptom.Class != "port" {
		return proof{}, false
	}
	d, ok := l.deadPort(svc)
	if !ok {
		return proof{}, false
	}
	return l.portProof(svc, d, []string{l.status(f)}), true
}

func (l *look) portProof(svc *corev1.Service, d deadPort, cites []string) proof {
	root, owner := kube.RefOf(svc), l.x.Subject(kube.RefOf(d.pod))
	if d.refused {
		cites = append(cites, l.log(d.caller, l.excerpt(d.caller, d.call.line)))
	}
	return proof{
		cause: incident.ServicePortMismatch, root: root, key: d.correction(),
		cites: append(cites,
			l.evidence.add("spec", root, redact.Sprintf("port %s", redact.Int(int64(d.port.Port))), redact.Sprintf("targetPort %s", text(d.target())), l.x.Taken),
			l.evidence.add("spec", owner, redact.Literal("ports of its pods"), portsText(&d.pod.Spec), l.x.Taken)),
		summary:  d.words(refText(root), refText(owner)),
		ruledOut: []redact.Text{redact.Literal("pods that are down or not ready: the Service has ready ones")},
	}
}

// words say where the port leads.
func (d deadPort) words(service, owner redact.Text) redact.Text {
	port, target := redact.Int(int64(d.port.Port)), text(d.target())
	switch {
	case d.served != 0:
		return redact.Sprintf("port %s of %s leads to port %s, which no container of %s declares; they serve port %s",
			port, service, target, owner, redact.Int(int64(d.served)))
	case d.refused:
		return redact.Sprintf("port %s of %s leads to port %s, which refuses connections and which no container of %s declares",
			port, service, target, owner)
	}
	return redact.Sprintf("port %s of %s leads nowhere: its target port is named %s, and no container of %s declares a port of that name",
		port, service, target, owner)
}

// correction is the target port that would do, where there is but one.
func (d deadPort) correction() string {
	if d.served != 0 {
		return strconv.Itoa(int(d.served))
	}
	only := ""
	for _, c := range serving(&d.pod.Spec) {
		for _, p := range c.Ports {
			switch {
			case protocol(p.Protocol) != protocol(d.port.Protocol):
			case only != "":
				return ""
			default:
				only = strconv.Itoa(int(p.ContainerPort))
			}
		}
	}
	return only
}

// portsText lists the ports that containers declare.
func portsText(spec *corev1.PodSpec) redact.Text {
	var out []redact.Text
	for _, c := range serving(spec) {
		for _, p := range c.Ports {
			named := redact.Text{}
			if p.Name != "" {
				named = redact.Sprintf(" (%s)", text(p.Name))
			}
			out = append(out, redact.Sprintf("%s/%s%s", redact.Int(int64(p.ContainerPort)), text(string(protocol(p.Protocol))), named))
		}
	}
	if len(out) == 0 {
		return redact.Literal("declares none")
	}
	return redact.Join(", ", out...)
}
