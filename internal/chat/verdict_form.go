package chat

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The form that asks what it was, and its fields.
const (
	verdictForm = "cs-verdict-form"

	causeField = "cs-cause"
	rootField  = "cs-root"
	wordsField = "cs-words"
)

const rootRunes = 330 // a kind, a namespace and a name of the longest, with what stands between

// judged is what a form of a verdict knows of its incident: the root that the
// card claims, and the namespace of a name that comes without one.
type judged struct {
	Root      action.Ref `json:"r,omitzero"`
	Namespace string     `json:"n,omitempty"`
}

func judgedOf(c incident.Clicked, i incident.Incident) *judged {
	if c.Verb != incident.Judge {
		return nil
	}
	root := i.Claimed().Root
	root.UID = ""
	return &judged{Root: root, Namespace: i.Subject.Namespace}
}

// formOfVerdict asks for the cause, the object that had to change, and a few
// words. The select is searched by typing in Slack's own client.
func formOfVerdict(i incident.Incident) *slack.ModalViewRequest {
	label := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
	}
	form := newForm(verdictForm, "What was it?", "Say so")
	cause := slack.NewInputBlock(causeField, label("Cause"), nil,
		slack.NewOptionsGroupSelectBlockElement(slack.OptTypeStatic, label("Type to search"), causeField, causeChoices()...))
	initial := ""
	if root := i.Claimed().Root; root.Name != "" {
		initial = redact.Name(root.String()).Truncate(rootRunes).String()
	} else {
		initial = redact.Name(i.Subject.String()).Truncate(rootRunes).String()
	}
	root := input(rootField, "Object that had to change, or that was missing", initial, rootRunes)
	root.Hint = label("KIND/NAME, such as ConfigMap/web-config, or KIND/NAMESPACE/NAME.")
	said := input(wordsField, "In your words", "", reasonRunes)
	said.Optional = true
	said.Hint = label("Kept with the incident, redacted.")
	form.Blocks.BlockSet = []slack.Block{
		paragraph("cs-about", redact.Sprintf("About %s %s. What you say is kept for the rules to be tried on. It changes no offer and counts as no vote.",
			redact.Name(i.Subject.String()), redact.Name(string(i.ID)))),
		cause, root, said,
	}
	return form
}

// readVerdict takes the fields of the form, and says what is wrong with them.
func (s *Slack) readVerdict(v view, m formMeta) (*incident.Verdict, map[string]string) {
	wrong := map[string]string{}
	out := &incident.Verdict{Cause: incident.Cause(v.State.Values[causeField][causeField].Selected.Value)}
	if out.Cause == incident.Unknown || !slices.Contains(incident.Causes(), out.Cause) {
		wrong[causeField] = "Choose a cause from the list."
	}
	var ok bool
	if out.Root, ok = m.Judged.read(v.State.Values[rootField][rootField].Value); !ok {
		wrong[rootField] = "KIND/NAME, such as ConfigMap/web-config or Node/node-1; kinds are written as in kubectl get -o yaml."
	}
	out.Words = s.reason(v.State.Values[wordsField][wordsField].Value)
	return out, wrong
}

// read is the object that a person named.
func (j judged) read(text string) (action.Ref, bool) {
	text = strings.TrimSpace(text)
	if j.Root.Name != "" && text == j.Root.String() {
		return j.Root, true
	}
	parts := strings.Split(text, "/")
	if len(text) > rootRunes || len(parts) < 2 || len(parts) > 3 {
		return action.Ref{}, false
	}
	kind, ok := kindOf(parts[0])
	name := parts[len(parts)-1]
	if !ok || len(name) > 253 || !objectName.MatchString(name) {
		return action.Ref{}, false
	}
	namespace := j.Namespace
	if len(parts) == 3 {
		namespace = parts[1]
	}
	if slices.Contains(global, kind) {
		return kube.Key(kind, "", name), len(parts) == 2
	}
	return kube.Key(kind, namespace, name), namespaceName.MatchString(namespace)
}

// kindOf is the kind that a word means, in whatever case or kubectl's short form.
func kindOf(word string) (string, bool) {
	if kind := kindWords[strings.ToLower(word)]; kind != "" {
		return kind, true
	}
	for _, kind := range slices.Concat(local, global) {
		if strings.EqualFold(kind, word) {
			return kind, true
		}
	}
	return "", false
}

// local and global are the kinds that can be a root, in a namespace and outside.
var (
	local = []string{
		"Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "ConfigMap", "Secret",
		"ServiceAccount", "PersistentVolumeClaim", "ResourceQuota", "LimitRange", "HorizontalPodAutoscaler", "PodDisruptionBudget",
		"Ingress", "NetworkPolicy",
	}
	global = []string{"Node", "Namespace", "StorageClass", "IngressClass"}
)

// sortedCauses are the vocabulary by its words, without what is no answer.
func sortedCauses() []incident.Cause {
	var out []incident.Cause
	for _, c := range incident.Causes() {
		if c != incident.Unknown {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b incident.Cause) int {
		return strings.Compare(strings.ToLower(causeText(a).String()), strings.ToLower(causeText(b).String()))
	})
	return out
}
