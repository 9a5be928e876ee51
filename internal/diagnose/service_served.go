package diagnose

import (
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
)

// undeclared reports whether every container of every pod declares its ports and
// none says in its log that it listens on the target.
func (l *look) undeclared(pods []*corev1.Pod, port corev1.ServicePort) bool {
	for _, p := range pods {
		for _, c := range serving(&p.Spec) {
			if len(c.Ports) == 0 || l.listensOn(p, c.Name, targetOf(port).IntVal) {
				return false
			}
		}
	}
	return protocol(port.Protocol) == corev1.ProtocolTCP
}

// servedInstead is the port that every one of pods is seen to serve, that port
// means, and to which no Service leads; 0 if there is none.
func (l *look) servedInstead(pods []*corev1.Pod, port corev1.ServicePort) int32 {
	served := int32(0)
	for _, p := range pods {
		at := probedPort(p, port)
		if at == 0 || served != 0 && at != served || l.routed(p) {
			return 0
		}
		served = at
	}
	return served
}

// probedPort is the declared port of a ready pod by which its readiness probe
// succeeds, if port means it; else 0.
func probedPort(p *corev1.Pod, port corev1.ServicePort) int32 {
	for _, c := range serving(&p.Spec) {
		probe := c.ReadinessProbe
		if probe == nil || probe.HTTPGet != nil && probe.HTTPGet.Host != "" || probe.TCPSocket != nil && probe.TCPSocket.Host != "" {
			continue
		}
		at, _, ok := probePort(probe, &c)
		for _, d := range c.Ports {
			if ok && d.ContainerPort == at && protocol(d.Protocol) == corev1.ProtocolTCP && means(port, d, probe.HTTPGet != nil) {
				return at
			}
		}
	}
	return 0
}

var (
	// sidePort names ports that do not serve what the program is for.
	sidePort = regexp.MustCompile(`metric|prom|health|probe|live|ready|admin|manag|mgmt|debug|pprof|stat|monitor`)
	webName  = regexp.MustCompile(`^(?:http|web)`)
	webPorts = []int32{80, 443, 3000, 5000, 8000, 8080, 8443, 8888}
)

// means reports whether a Service's port stands for a container's: by its number,
// its name, or because both are for the web.
func means(port corev1.ServicePort, d corev1.ContainerPort, asksHTTP bool) bool {
	switch {
	case sidePort.MatchString(d.Name):
		return false
	case port.Port == d.ContainerPort || port.Name != "" && port.Name == d.Name:
		return true
	case port.Name != "" && !webName.MatchString(port.Name) || port.Name == "" && port.Port != 80 && port.Port != 443:
		return false
	}
	return asksHTTP || slices.Contains(webPorts, d.ContainerPort)
}

// onlyPort is the one port that every one of pods declares, where the Service has
// one port, nobody leads to the pods' and no probe asks for the Service's; 0 if
// there is none.
func (l *look) onlyPort(svc *corev1.Service, pods []*corev1.Pod, port corev1.ServicePort) int32 {
	if len(svc.Spec.Ports) != 1 {
		return 0
	}
	only := int32(0)
	for _, p := range pods {
		for _, c := range serving(&p.Spec) {
			for _, d := range c.Ports {
				if protocol(d.Protocol) != corev1.ProtocolTCP || !means(port, d, false) || only != 0 && only != d.ContainerPort {
					return 0
				}
				only = d.ContainerPort
			}
			if asksPort(&c, targetOf(port).IntVal) {
				return 0
			}
		}
		if l.routed(p) {
			return 0
		}
	}
	return only
}

// asksPort reports whether a probe of a container asks for a port.
func asksPort(c *corev1.Container, port int32) bool {
	return slices.ContainsFunc([]*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe}, func(p *corev1.Probe) bool {
		if p == nil {
			return false
		}
		at, _, ok := probePort(p, c)
		return ok && at == port
	})
}

// listensOn reports whether a container's log says so.
func (l *look) listensOn(p *corev1.Pod, container string, port int32) bool {
	for _, log := range l.x.LogsOf(kube.RefOf(p), container) {
		for _, line := range log.Lines {
			if loglines.Listens(line.String()) == port {
				return true
			}
		}
	}
	return false
}

// routed reports whether some Service leads to a port that the pod declares.
func (l *look) routed(p *corev1.Pod) bool {
	return slices.ContainsFunc(l.x.Services, func(s *corev1.Service) bool {
		if s.Namespace != p.Namespace || len(s.Spec.Selector) == 0 || len(unfit(s.Spec.Selector, p.Labels)) > 0 {
			return false
		}
		return slices.ContainsFunc(s.Spec.Ports, func(port corev1.ServicePort) bool { return declared(&p.Spec, port) })
	})
}
