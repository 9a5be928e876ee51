package diagnose

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// noProvisioner marks a class whose volumes people make by hand.
const noProvisioner = "kubernetes.io/no-provisioner"

// unbound looks behind the scheduler's "unbound claims" at the claims. A claim
// for which a provisioner has to make a volume is not one that no volume fits:
// why it waits is for its events to say.
func (l *look) unbound(f fault, p proof) (proof, bool) {
	for i := range f.pod.Spec.Volumes {
		v := f.pod.Spec.Volumes[i].PersistentVolumeClaim
		if v == nil {
			continue
		}
		ref := kube.Key("PersistentVolumeClaim", f.object.Namespace, v.ClaimName)
		claim, _ := l.x.Object(ref).(*corev1.PersistentVolumeClaim)
		if claim == nil || claim.Status.Phase == corev1.ClaimBound {
			continue
		}
		p.root = kube.RefOf(claim)
		name := className(claim)
		class, _ := l.x.Object(kube.Key("StorageClass", "", name)).(*storagev1.StorageClass)
		switch {
		case name != "" && l.x.StorageClasses != nil && class == nil:
			p.cause = incident.StorageClassMissing
			p.cites = append(p.cites, l.absence(kube.Key("StorageClass", "", name)))
			p.summary = redact.Sprintf("%s cannot start: %s asks for StorageClass/%s, which does not exist",
				refText(l.subject), refText(p.root), text(name))
		case class != nil && class.Provisioner != noProvisioner, name != "" && class == nil, claim.Status.Phase == corev1.ClaimLost:
			return proof{}, false
		default:
			p.cause = incident.PVCUnbound
			p.cites = append(p.cites, l.evidence.add("status", p.root, redact.Literal("phase"), text(string(claim.Status.Phase)), l.x.Taken))
			p.summary = redact.Sprintf("%s cannot start: no volume fits %s%s", refText(l.subject), refText(p.root), wants(claim))
		}
		return p, true
	}
	return proof{}, false
}

// className is the class that a claim asks for; empty for none.
func className(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}

// wants is what a volume must have to fit a claim.
func wants(claim *corev1.PersistentVolumeClaim) redact.Text {
	q, ok := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok || len(claim.Spec.AccessModes) == 0 {
		return redact.Text{}
	}
	return redact.Sprintf(", which asks for %s with %s", text(q.String()), text(string(claim.Spec.AccessModes[0])))
}
