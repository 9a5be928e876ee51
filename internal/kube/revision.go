package kube

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// revisionData is what controllers write into a ControllerRevision: a patch
// that replaces the whole template.
type revisionData struct {
	Spec struct {
		Template *corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

// RevisionTemplate reads the pod template that a ControllerRevision stands for;
// nil where it holds something else.
func RevisionTemplate(r *appsv1.ControllerRevision) *corev1.PodTemplateSpec {
	var data revisionData
	if json.Unmarshal(r.Data.Raw, &data) != nil {
		return nil
	}
	return data.Spec.Template
}

// slimRevision takes out of a revision's template what slim takes out of others.
func slimRevision(slim func(*corev1.PodTemplateSpec)) func(*appsv1.ControllerRevision) {
	return func(r *appsv1.ControllerRevision) {
		var data revisionData
		r.Data.Object = nil
		if data.Spec.Template = RevisionTemplate(r); data.Spec.Template != nil {
			slim(data.Spec.Template)
		}
		raw, err := json.Marshal(data)
		if err != nil {
			raw = []byte("{}")
		}
		r.Data.Raw = raw
	}
}
