package diagnose

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// probeFailure is the kubelet's message about a failing probe, read.
type probeFailure struct {
	kind    string // Liveness, Readiness, Startup
	status  int    // HTTP status; 0 if the answer was none
	refused bool
	timeout bool
	errored bool // the probe could not even be tried
}

var probeMessage = regexp.MustCompile(`^(Liveness|Readiness|Startup) probe (failed|errored)[^:]*: `)

var probeStatus = regexp.MustCompile(`HTTP probe failed with statuscode: (\d{3})`)

// parseProbe reads an Unhealthy event's message; ok is false for another text.
func parseProbe(message string) (p probeFailure, ok bool) {
	m := probeMessage.FindStringSubmatch(message)
	if m == nil {
		return probeFailure{}, false
	}
	p = probeFailure{kind: m[1], errored: m[2] == "errored"}
	said := message[len(m[0]):]
	if s := probeStatus.FindStringSubmatch(said); s != nil {
		p.status, _ = strconv.Atoi(s[1])
		return p, true
	}
	said = quoted.ReplaceAllString(said, "")
	p.refused = strings.Contains(said, "connection refused")
	p.timeout = strings.Contains(said, "context deadline exceeded") || strings.Contains(said, "i/o timeout") ||
		strings.Contains(said, "Client.Timeout") || strings.Contains(said, "timed out") || strings.Contains(said, "timeout:")
	return p, true
}

// failure finds the last event about a probe of this container.
func (l *look) failure(f fault, kind string) (p probeFailure, id string, ok bool) {
	events := l.x.EventsOf(f.object)
	for n := len(events) - 1; n >= 0; n-- {
		e := events[n]
		if e.Reason != "Unhealthy" || kube.ContainerOf(e.Field) != f.symptom.Container {
			continue
		}
		if p, ok = parseProbe(e.Message.String()); ok && strings.EqualFold(p.kind, kind) {
			return p, l.event(e), true
		}
	}
	return probeFailure{}, "", false
}

// proveKilledByProbe decides for containers that the kubelet restarts because a
// liveness or startup probe fails.
func proveKilledByProbe(l *look, f fault) (proof, bool) {
	switch f.symptom.Class {
	case "liveness":
		return l.proveProbe(f, f.container.LivenessProbe, incident.LivenessProbeFailing)
	case "startup":
		return l.proveProbe(f, f.container.StartupProbe, incident.StartupProbeFailing)
	}
	return proof{}, false
}

// proveReadiness decides for containers that run and never get traffic.
func proveReadiness(l *look, f fault) (proof, bool) {
	if f.symptom.Class != "readiness" {
		return proof{}, false
	}
	return l.proveProbe(f, f.container.ReadinessProbe, incident.ReadinessProbeFailing)
}

func (l *look) proveProbe(f fault, probe *corev1.Probe, otherwise incident.Cause) (proof, bool) {
	if probe == nil || f.container == nil {
		return proof{}, false
	}
	p := proof{cause: otherwise, cites: []string{l.status(f)}}
	failed, id, known := l.failure(f, f.symptom.Class)
	if id != "" {
		p.cites = append(p.cites, id)
	}
	kind := text(f.symptom.Class)
	spec := l.evidence.add("spec", l.subject, redact.Sprintf("%s probe of container %s", kind, text(f.symptom.Container)), describeProbe(probe), l.x.Taken)
	wrong := l.wrongProbe(f, probe, failed)
	if wrong.IsEmpty() && otherwise == incident.LivenessProbeFailing {
		if early, ok := l.proveTooEarly(f, failed); ok {
			early.cites = slices.Concat(p.cites, []string{spec}, early.cites)
			return early, true
		}
	}
	switch {
	case !wrong.IsEmpty():
		p.cause = incident.ProbeMisconfigured
		p.cites = append(p.cites, spec)
		p.summary = redact.Sprintf("%s fails its %s probe because the probe is wrong: %s", refText(l.subject), kind, wrong)
		p.ruledOut = []redact.Text{redact.Literal("crash: the program runs; only the probe asks in the wrong place")}
	case !known && otherwise != incident.ReadinessProbeFailing:
		return proof{}, false
	case !known:
		// The kubelet keeps back events that come too often; that the container
		// runs and is not ready stands without them.
		p.summary = redact.Sprintf("%s runs, but its readiness probe does not succeed", refText(l.subject))
	default:
		p.hung = failed.timeout && otherwise == incident.ReadinessProbeFailing && f.status.RestartCount == 0
		p.summary = redact.Sprintf("%s fails its %s probe: %s", refText(l.subject), kind, failed.words())
		p.ruledOut = []redact.Text{redact.Literal("memory and image: the program was started and not killed for its memory")}
	}
	return p, true
}

func (p probeFailure) words() redact.Text {
	switch {
	case p.status != 0:
		return redact.Sprintf("it answers with HTTP status %s", redact.Int(int64(p.status)))
	case p.refused:
		return redact.Literal("nothing listens on the probed port")
	case p.timeout:
		return redact.Literal("it does not answer in time")
	}
	return redact.Literal("the check reports a failure")
}

// wrongProbe says what is wrong with the probe itself; empty if nothing is
// proven.
func (l *look) wrongProbe(f fault, probe *corev1.Probe, failed probeFailure) redact.Text {
	port, isNamed, ok := probePort(probe, f.container)
	switch {
	case probe.HTTPGet == nil && probe.TCPSocket == nil && probe.GRPC == nil:
		return redact.Text{} // a command: only its author knows
	case isNamed && !ok:
		return redact.Sprintf("it names port %s, which the container does not declare", text(probeTarget(probe).StrVal))
	case failed.status == 404 && probe.HTTPGet != nil:
		return redact.Sprintf("path %s does not exist there (HTTP status 404)", text(probe.HTTPGet.Path))
	case !failed.refused:
		return redact.Text{}
	}
	if served := l.servedPort(f, port); served != 0 {
		return redact.Sprintf("it asks port %s, the container serves port %s", redact.Int(int64(port)), redact.Int(int64(served)))
	}
	return redact.Text{}
}

// servedPort is a port that the container serves instead of the probed one: one
// that another probe reaches, one that its log names, or a declared one where
// the probed port is not declared. 0 if nothing shows one.
func (l *look) servedPort(f fault, probed int32) int32 {
	for _, line := range l.logLines(f) {
		if port := loglines.Listens(line.String()); port != 0 {
			if port == probed {
				return 0 // it says that it serves the probed port
			}
			return port
		}
	}
	if f.status != nil && f.status.Ready && f.container.ReadinessProbe != nil {
		if port, _, ok := probePort(f.container.ReadinessProbe, f.container); ok && port != probed {
			return port
		}
	}
	declared := int32(0)
	for _, p := range f.container.Ports {
		if p.Protocol != corev1.ProtocolTCP && p.Protocol != "" {
			continue
		}
		if p.ContainerPort == probed {
			return 0
		}
		if declared == 0 {
			declared = p.ContainerPort
		}
	}
	return declared
}

func probeTarget(p *corev1.Probe) intstr.IntOrString {
	switch {
	case p.HTTPGet != nil:
		return p.HTTPGet.Port
	case p.TCPSocket != nil:
		return p.TCPSocket.Port
	case p.GRPC != nil:
		return intstr.FromInt32(p.GRPC.Port)
	}
	return intstr.IntOrString{}
}

// probePort resolves a probe's port; named says that it was given by name, ok
// that there is such a port.
func probePort(p *corev1.Probe, c *corev1.Container) (port int32, named, ok bool) {
	target := probeTarget(p)
	if target.Type == intstr.Int {
		return target.IntVal, false, target.IntVal > 0
	}
	for _, declared := range c.Ports {
		if declared.Name == target.StrVal {
			return declared.ContainerPort, true, true
		}
	}
	if n, err := strconv.ParseInt(target.StrVal, 10, 32); err == nil && n > 0 && n < 65536 {
		return int32(n), false, true
	}
	return 0, true, false
}

func describeProbe(p *corev1.Probe) redact.Text {
	target := probeTarget(p)
	port := text(target.String())
	switch {
	case p.HTTPGet != nil:
		return redact.Sprintf("HTTP GET %s on port %s", text(p.HTTPGet.Path), port)
	case p.TCPSocket != nil:
		return redact.Sprintf("TCP connection to port %s", port)
	case p.GRPC != nil:
		return redact.Sprintf("gRPC health check on port %s", port)
	}
	return redact.Literal("a command inside the container")
}
