package app

import (
	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/jobs"
)

// protected is the one list that Rego, CEL and the executor share.
func (s Settings) protected() []string {
	cfg := admission.Default()
	cfg.Namespace, cfg.ExecutorNamespace = s.Namespace, s.ExecutorNS
	cfg.Protected = append(cfg.Protected, splitList(s.Protected)...)
	return cfg.ProtectedNamespaces()
}

// JobTemplate is the shape of every Job of this installation.
func (s Settings) JobTemplate(keys Keys) jobs.Template {
	return jobs.Template{Namespace: s.ExecutorNS, Control: s.Namespace, Image: s.ExecutorImage, Keys: keys.Public(), Protected: s.protected()}
}
