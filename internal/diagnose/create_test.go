package diagnose

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

func TestTheServersRefusalsAreRead(t *testing.T) {
	const pod = `pods "web-7d9f-abcde" is forbidden: `
	for _, c := range []struct {
		name, message string
		cause         incident.Cause
		object        string
	}{
		{"quota, by a condition", pod + "exceeded quota: compute, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1", incident.QuotaExceeded, "compute"},
		{"quota, by an event", "Error creating: " + pod + "exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2", incident.QuotaExceeded, "compute"},
		{"quota, by an event that stands for several", "(combined from similar events): Error creating: " + pod + "failed quota: compute: must specify limits.cpu", incident.QuotaRequiresLimits, "compute"},
		{"account, of a StatefulSet", `Create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: error looking up service account shop/web: serviceaccount "web" not found`, incident.ServiceAccountMissing, "web"},
		{"claim, of a StatefulSet", `Create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: persistentvolumeclaims "data-web-0" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi`, incident.LimitRangeViolation, ""},
		{"Pod Security", pod + `violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`, incident.PodSecurityViolation, "restricted:latest"},
		{"a limit", pod + "maximum cpu usage per Container is 500m, but limit is 1", incident.LimitRangeViolation, ""},
		{"several limits", pod + "[maximum cpu usage per Container is 500m, but limit is 1, minimum memory usage per Pod is 1Gi.  No request is specified]", incident.LimitRangeViolation, ""},
		{"a webhook that denies", `Error creating: admission webhook "pods.example.com" denied the request: no team label`, incident.AdmissionWebhookDenied, "pods.example.com"},
		{"a webhook that denies without a word", `admission webhook "pods.example.com" denied the request without explanation`, incident.AdmissionWebhookDenied, "pods.example.com"},
		{"a webhook that is down", `Error creating: Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://policy.shop.svc:443/pods?timeout=3s": no endpoints available for service "policy"`, incident.AdmissionWebhookUnavailable, "pods.example.com"},
		{"a webhook that forges", `admission webhook "pods.example.com" denied the request: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, incident.AdmissionWebhookDenied, "pods.example.com"},
		{"a policy", pod + `ValidatingAdmissionPolicy 'team' with binding 'team' denied request: failed expression: has(object.metadata.labels.team)`, "", ""},
		{"a policy that forges", pod + `ValidatingAdmissionPolicy 'team' denied request: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`, "", ""},
		{"a policy that forges a webhook", pod + `ValidatingAdmissionPolicy 'team' denied request: admission webhook "x" denied the request: no`, "", ""},
		{"limits and more", pod + "[maximum cpu usage per Container is 500m, but limit is 1, something new]", "", ""},
		{"a plugin that forges", `Internal error occurred: the plugin says ` + pod + "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1", "", ""},
		{"an unknown word", pod + "it is late", "", ""},
		{"nothing", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, ok := parseCreate(c.message)
			if ok != (c.cause != "") || r.cause != c.cause || r.name != c.object {
				t.Errorf("want %q of %q, have %+v %t", c.cause, c.object, r, ok)
			}
		})
	}
}

func TestLimitsAreReadWordByWord(t *testing.T) {
	got := parseLimits("[maximum cpu usage per Container is 500m, but limit is 1, minimum memory usage per Pod is 1Gi.  No request is specified, " +
		"memory max limit to request ratio per Container is 2, but provided ratio is 8.000000, cpu max limit to request ratio per Pod is 4, but no request is specified or request is 0]")
	want := []limit{
		{bound: "maximum", resource: "cpu", kind: "Container", value: "500m"}, {bound: "minimum", resource: "memory", kind: "Pod", value: "1Gi"},
		{bound: "ratio", resource: "memory", kind: "Container", value: "2"}, {bound: "ratio", resource: "cpu", kind: "Pod", value: "4"},
	}
	if len(got) != len(want) {
		t.Fatalf("have %+v", got)
	}
	for n := range want {
		if got[n].said == "" {
			t.Errorf("%+v says nothing", got[n])
		}
		got[n].said = ""
		if got[n] != want[n] {
			t.Errorf("want %+v, have %+v", want[n], got[n])
		}
	}
}

func TestALimitRangeThatSomebodyRaisedIsNotTheCause(t *testing.T) {
	f := captured(t, "limit-range-maximum", func(s *kube.Snapshot) {
		for _, r := range s.Limits {
			if r.Name == "upper" {
				r.Spec.Limits[0].Max["cpu"] = resource.MustParse("2")
			}
		}
	})
	if f.Diagnosis.Cause != incident.Unknown {
		t.Errorf("the message is older than the limit: have %s", describe(f))
	}
	f = captured(t, "limit-range-maximum", func(s *kube.Snapshot) {
		o := s.Limits[len(s.Limits)-1].DeepCopy()
		o.Name, o.UID, o.Spec.Limits[0].Type = "all", "u2", corev1.LimitTypePod
		s.Limits = append(s.Limits, o)
	})
	if root := f.Diagnosis.Root.String(); root != "LimitRange/upper" {
		t.Errorf("a limit of pods is none of containers: have root %s", root)
	}
	f = captured(t, "limit-range-maximum", func(s *kube.Snapshot) {
		o := s.Limits[len(s.Limits)-1].DeepCopy()
		o.Name, o.UID = "also", "u2"
		s.Limits = append([]*corev1.LimitRange{o}, s.Limits...)
	})
	if root := f.Diagnosis.Root.String(); root != "LimitRange/also" {
		t.Errorf("of two that forbid it the first is named: have root %s", root)
	}
	f = captured(t, "limit-range-maximum", func(s *kube.Snapshot) { s.Limits = nil })
	if d := f.Diagnosis; d.Cause != incident.LimitRangeViolation || d.Root.String() != "Deployment/web" {
		t.Errorf("the limits were not looked at: have %s", describe(f))
	}
}

func TestAWebhookIsBlamedByItsConfiguration(t *testing.T) {
	const name = "admission-webhook-unavailable"
	for _, c := range []struct {
		name   string
		change func(*kube.Snapshot)
		cause  incident.Cause
		root   string
	}{
		{"not looked at", func(s *kube.Snapshot) { s.ValidatingWebhooks, s.MutatingWebhooks = nil, nil }, incident.AdmissionWebhookUnavailable, "Deployment/web"},
		{"removed since", func(s *kube.Snapshot) { s.ValidatingWebhooks = s.ValidatingWebhooks[:0] }, incident.Unknown, "Deployment/web"},
		{"held by two", func(s *kube.Snapshot) {
			o := s.ValidatingWebhooks[0].DeepCopy()
			o.Name, o.UID = "another", "u2"
			s.ValidatingWebhooks = append(s.ValidatingWebhooks, o)
		}, incident.AdmissionWebhookUnavailable, "Deployment/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := captured(t, name, c.change)
			if d := f.Diagnosis; d.Cause != c.cause || d.Root.String() != c.root {
				t.Errorf("want %s with root %s, have %s", c.cause, c.root, describe(f))
			}
			for _, problem := range sound(f) {
				t.Error(problem)
			}
		})
	}
}

func TestAnOlderRefusalDoesNotExplainTheLast(t *testing.T) {
	f := captured(t, "admission-policy-denied", func(s *kube.Snapshot) {
		for i := range s.Events {
			if e := &s.Events[i]; e.Reason == "FailedCreate" {
				older := *e
				older.Message = text(`Error creating: pods "web-1" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2`)
				older.First, older.Last = e.First.Add(-1e9), e.First.Add(-1e9)
				s.Events = append(s.Events, older)
				return
			}
		}
	})
	if f.Diagnosis.Cause != incident.Unknown || !strings.Contains(f.Evidence[0].Text.String(), "ValidatingAdmissionPolicy") {
		t.Errorf("want unknown with the policy's words, have %s", describe(f))
	}
}
