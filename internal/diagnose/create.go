package diagnose

import (
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The API server's words about a refused pod. They are anchored: a webhook, a
// policy and the user who names a pod write into the same message.
var (
	byController  = regexp.MustCompile(`^(?:\(combined from similar events\): )?(?:Error creating: |[Cc]reate (?:Pod|Claim) \S+ (?:for Pod \S+ )?in StatefulSet \S+ failed error: )?`)
	forbiddenPod  = regexp.MustCompile(`^(?:pods|persistentvolumeclaims) \\?"[^"\\]*\\?" is forbidden: `)
	absentAccount = regexp.MustCompile(`^error looking up service account \S+: serviceaccount \\?"([^"\\]+)\\?" not found`)
	quotaReached  = regexp.MustCompile(`^exceeded quota: ([^\s,]+), requested: ([^,]+(?:,[^,:]+=[^,:]+)*?), used: ([^,]+(?:,[^,:]+=[^,:]+)*?), limited: (.+)$`)
	quotaWants    = regexp.MustCompile(`^failed quota: ([^\s:]+): must specify (.+)$`)
	podSecurity   = regexp.MustCompile(`^violates PodSecurity \\?"([^"\\]+)\\?": (.+)$`)
	webhookDenied = regexp.MustCompile(`(?s)^admission webhook \\?"([^"\\]+)\\?" denied the request(?:: (.+)| without explanation)$`)
	webhookFailed = regexp.MustCompile(`(?s)^Internal error occurred: failed calling webhook \\?"([^"\\]+)\\?"(?:: (?:failed to call webhook: )?(.+)|; no further details available)$`)
)

// refusedCreate is why the API server refuses a controller its pods.
type refusedCreate struct {
	cause  incident.Cause
	name   string // of the ServiceAccount, the quota or the webhook; a limit range is not named
	detail string
	broken []limit  // the demands of a LimitRange
	quota  []string // what was requested of a quota, such as pods=1
}

// parseCreate reads a FailedCreate message; ok is false for a reason that no
// rule knows, such as a ValidatingAdmissionPolicy's.
func parseCreate(message string) (r refusedCreate, ok bool) {
	said := byController.ReplaceAllString(strings.TrimSpace(message), "")
	if m := webhookDenied.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.AdmissionWebhookDenied, name: m[1], detail: m[2]}, true
	}
	if m := webhookFailed.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.AdmissionWebhookUnavailable, name: m[1], detail: m[2]}, true
	}
	at := forbiddenPod.FindStringIndex(said)
	if at == nil {
		return refusedCreate{}, false
	}
	said = said[at[1]:]
	if m := absentAccount.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.ServiceAccountMissing, name: m[1]}, true
	}
	if m := quotaReached.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.QuotaExceeded, name: m[1], quota: strings.Split(m[2], ","),
			detail: "asks for " + m[2] + ", used " + m[3] + " of " + m[4]}, true
	}
	if m := quotaWants.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.QuotaRequiresLimits, name: m[1], detail: m[2]}, true
	}
	if m := podSecurity.FindStringSubmatch(said); m != nil {
		return refusedCreate{cause: incident.PodSecurityViolation, name: m[1], detail: m[2]}, true
	}
	if broken := parseLimits(said); len(broken) > 0 {
		return refusedCreate{cause: incident.LimitRangeViolation, detail: broken[0].said, broken: broken}, true
	}
	return refusedCreate{}, false
}

// proveCreate reads why pods never appear. The message stands in the
// Deployment's condition, and as an event on the ReplicaSet.
func proveCreate(l *look, f fault) (proof, bool) {
	if f.symptom.Class != "create" {
		return proof{}, false
	}
	r, cites, ok := l.refusal(f)
	if !ok {
		return proof{}, false
	}
	p := proof{cause: r.cause, cites: cites}
	who, ns := refText(l.subject), f.object.Namespace
	switch r.cause {
	case incident.ServiceAccountMissing:
		p.root = kube.Key("ServiceAccount", ns, r.name)
		p.summary = redact.Sprintf("%s gets no pods: %s does not exist", who, refText(p.root))
	case incident.QuotaExceeded:
		p.root = kube.Key("ResourceQuota", ns, r.name)
		p.summary = redact.Sprintf("%s gets no more pods: %s is used up (%s)", who, refText(p.root), text(r.detail))
	case incident.QuotaRequiresLimits:
		p.root = kube.Key("ResourceQuota", ns, r.name)
		p.summary = redact.Sprintf("%s gets no pods: %s demands that they set %s", who, refText(p.root), text(r.detail))
	case incident.PodSecurityViolation:
		p.root = kube.Key("Namespace", "", ns)
		p.summary = redact.Sprintf("%s gets no pods: Pod Security %s of its namespace forbids them: %s", who, text(r.name), text(r.detail))
	case incident.LimitRangeViolation:
		return l.beyondLimits(p, ns, r)
	case incident.AdmissionWebhookDenied, incident.AdmissionWebhookUnavailable:
		return l.refusedByWebhook(p, r)
	default:
		return proof{}, false
	}
	if o := l.x.Object(p.root); o != nil {
		p.root = kube.RefOf(o)
	}
	return p, true
}

// refusal reads the message of a fault, else the last event about it, and says
// what to cite.
func (l *look) refusal(f fault) (r refusedCreate, cites []string, ok bool) {
	cites = []string{l.status(f)}
	if r, ok = parseCreate(f.symptom.Message); ok {
		return r, cites, true
	}
	e := l.lastRefusal()
	if e == nil {
		return refusedCreate{}, nil, false
	}
	// The name of the pod in it is another one each time: as evidence of nothing
	// it would only move the digest.
	if r, ok = parseCreate(e.Message.String()); !ok {
		return refusedCreate{}, nil, false
	}
	return r, append(cites, l.event(*e)), true
}

// lastRefusal is the youngest event by which the subject or one of its
// ReplicaSets was refused a pod. Older ones may have had another reason.
func (l *look) lastRefusal() *kube.Event {
	events := l.x.EventsOf(l.subject)
	if d, is := l.top.(*appsv1.Deployment); is {
		for _, rs := range l.x.RevisionsOf(d) {
			events = append(events, l.x.EventsOf(kube.RefOf(rs))...)
		}
	}
	var last *kube.Event
	for n := range events {
		if e := &events[n]; e.Reason == "FailedCreate" && (last == nil || e.Last.After(last.Last)) {
			last = e
		}
	}
	return last
}
