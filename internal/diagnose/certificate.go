package diagnose

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/loglines"
	"github.com/countersign-dev/countersign/internal/redact"
)

// invalidCertificate blames the Secret that a named file comes from. Without a
// file it may be the other side's certificate: then that of the called workload,
// if its time is over and the workload has but one.
func (l *look) invalidCertificate(f fault, p proof, named string, line, words redact.Text) proof {
	p.summary = redact.Sprintf("%s: it does not accept a certificate: “%s”", l.fares(f), words)
	if named == "" {
		return l.servedCertificate(f, p, line, words)
	}
	from, ok := l.sourceOf(f, named)
	if !ok || from.kind != "Secret" {
		return p
	}
	p.root, p.key = l.sourceRef(f.pod.Namespace, from), from.key
	p.cites = append(p.cites, l.evidence.add("spec", l.subject, redact.Sprintf("container %s", text(f.symptom.Container)),
		redact.Sprintf("%s comes from key %s of %s", text(named), text(p.key), refText(p.root)), l.x.Taken))
	p.summary = redact.Sprintf("%s: the certificate %s, which is key %s of %s, is not accepted: “%s”",
		l.fares(f), text(named), text(p.key), refText(p.root), words)
	return p
}

// servedCertificate looks for the Secret of the certificate that a called
// workload shows.
func (l *look) servedCertificate(f fault, p proof, line, words redact.Text) proof {
	call, ok := loglines.ExpiredAt(line.String())
	if !ok {
		return p
	}
	called := l.peerOf(f.pod, call)
	if called.svc == nil || l.isBehind(called.svc) {
		return p
	}
	list := l.x.Behind(called.svc)
	if len(list) != 1 {
		return p
	}
	name := tlsSecret(&list[0].Pod.Spec)
	if name == "" {
		return p
	}
	p.root = l.sourceRef(called.svc.Namespace, source{kind: "Secret", name: name})
	p.cites = append(p.cites, l.evidence.add("spec", list[0].Ref, redact.Literal("volumes"),
		redact.Sprintf("its certificate comes from %s", refText(p.root)), l.x.Taken))
	p.summary = redact.Sprintf("%s: the certificate of %s, which comes from %s, is out of date: “%s”",
		l.fares(f), refText(kube.RefOf(called.svc)), refText(p.root), words)
	return p
}

// tlsSecret is the one Secret that a pod mounts as its certificate; empty if
// there is none or several.
func tlsSecret(spec *corev1.PodSpec) string {
	found := ""
	for i := range spec.Containers {
		for _, m := range spec.Containers[i].VolumeMounts {
			for n := range spec.Volumes {
				v := &spec.Volumes[n]
				if v.Name != m.Name || !tlsMount.MatchString(m.MountPath) && !tlsMount.MatchString(v.Name) {
					continue
				}
				for _, name := range volumeNames(v, "Secret") {
					if found != "" && found != name {
						return ""
					}
					found = name
				}
			}
		}
	}
	return found
}
