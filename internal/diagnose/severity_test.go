package diagnose

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestSeverityIsThatOfTheReplicasThatServe(t *testing.T) {
	for name, c := range map[string]struct {
		cause          incident.Cause
		ready, desired int
		label          string
		want           incident.Severity
	}{
		"nobody serves":                  {incident.AppError, 0, 3, "", incident.Critical},
		"some serve":                     {incident.AppError, 1, 3, "", incident.Warning},
		"all serve beside a bad rollout": {incident.ImageNotFound, 3, 3, "", incident.Warning},
		"nothing is meant to serve":      {incident.JobBackoffLimitExceeded, 0, 0, "", incident.Warning},
		"a lost node":                    {incident.NodeNotReady, 0, 0, "", incident.Critical},
		"a Service that reaches nobody":  {incident.ServiceSelectorMismatch, 0, 0, "", incident.Critical},
		"paused on purpose":              {incident.RolloutPaused, 3, 3, "", incident.Info},
		"throttled":                      {incident.CPUThrottled, 2, 2, "", incident.Info},
		"throttled until nobody serves":  {incident.CPUThrottled, 0, 2, "", incident.Critical},
		"its owner says so":              {incident.AppError, 0, 3, "info", incident.Info},
		"its owner says more":            {incident.RolloutPaused, 3, 3, "critical", incident.Critical},
		"a word that is none":            {incident.AppError, 0, 3, "CRITICAL!", incident.Critical},
		"a word that is none, some":      {incident.AppError, 1, 3, "high", incident.Warning},
	} {
		if got := severity(c.cause, c.ready, c.desired, c.label); got != c.want {
			t.Errorf("%s: want %s, have %s", name, c.want, got)
		}
	}
}

func TestTheWorkloadsLabelWinsOverItsNamespaces(t *testing.T) {
	label := func(own, namespace string) incident.Severity {
		return captured(t, "oom-killed", func(s *kube.Snapshot) {
			s.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: namespaceOf(s), Labels: map[string]string{SeverityLabel: namespace}}}}
			if own != "" {
				s.Deployments[0].Labels[SeverityLabel] = own
			}
		}).Diagnosis.Severity
	}
	if got := label("", "info"); got != incident.Info {
		t.Errorf("the namespace's label gives %s", got)
	}
	if got := label("warning", "info"); got != incident.Warning {
		t.Errorf("the workload's label gives %s", got)
	}
	if got := captured(t, "oom-killed", nil).Diagnosis.Severity; got != incident.Critical {
		t.Errorf("without a label: %s", got)
	}
}
