package diagnose

import (
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxWebhookWords bounds what a summary repeats of a webhook's own words, in
// runes.
const maxWebhookWords = 200

// refusedByWebhook finds the configuration behind a webhook's name. Where several
// hold the name, the message does not say which, and the workload stays the
// root; where none holds it, it was removed since and refuses nobody.
func (l *look) refusedByWebhook(p proof, r refusedCreate) (proof, bool) {
	holders := l.webhooks(r.name)
	switch {
	case len(holders) == 1:
		p.root = holders[0]
	case len(holders) == 0 && l.x.ValidatingWebhooks != nil && l.x.MutatingWebhooks != nil:
		return proof{}, false
	default:
		p.thing = r.name
	}
	who, words := refText(l.subject), text(strings.TrimSpace(r.detail)).Truncate(maxWebhookWords)
	if r.cause == incident.AdmissionWebhookDenied {
		p.summary = redact.Sprintf("%s gets no pods: the admission webhook %s denies them: %s",
			who, text(r.name), orText(words, redact.Literal("it gives no reason")))
		return p, true
	}
	p.summary = redact.Sprintf("%s gets no pods: the admission webhook %s, which has to agree, cannot be asked: %s",
		who, text(r.name), orText(words, redact.Literal("no further details")))
	p.ruledOut = []redact.Text{redact.Literal("the pod's own manifest: nobody has judged it")}
	return p, true
}

// webhooks lists the configurations that hold a webhook of that name.
func (l *look) webhooks(name string) []action.Ref {
	var out []action.Ref
	for _, c := range l.x.ValidatingWebhooks {
		for i := range c.Webhooks {
			if c.Webhooks[i].Name == name {
				out = append(out, kube.RefOf(c))
				break
			}
		}
	}
	for _, c := range l.x.MutatingWebhooks {
		for i := range c.Webhooks {
			if c.Webhooks[i].Name == name {
				out = append(out, kube.RefOf(c))
				break
			}
		}
	}
	return out
}
