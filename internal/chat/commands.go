package chat

import (
	"regexp"
	"strings"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Kind of a command. The zero value is none.
type Kind int

// The commands.
const (
	Why        Kind = iota + 1 // why KIND/NAME [-n NS]
	Status                     // what is open
	Help                       // answered by the package
	Unknown                    // answered by the package, with what was not understood
	Stop                       // stop [REASON]
	Resume                     // resume [REASON]
	BreakGlass                 // break-glass INCIDENT REASON
)

// Query is what a command line asks for.
type Query struct {
	Kind      Kind
	Object    string // KIND/NAME, Kind as Kubernetes spells it where it is known
	Namespace string // empty where none was given
	// Incident is that of BreakGlass. Whether it exists is not looked at here.
	Incident incident.ID
	// Reason is what was given for Stop, Resume and BreakGlass, on one line. It
	// is never empty for BreakGlass.
	Reason redact.Text
	// Problem is one sentence on what was not understood, of kind Unknown.
	Problem redact.Text
}

// kinds maps what people type to Kubernetes' own spelling.
var kindWords = map[string]string{
	"po": "Pod", "pod": "Pod", "pods": "Pod",
	"deploy": "Deployment", "deployment": "Deployment", "deployments": "Deployment",
	"sts": "StatefulSet", "statefulset": "StatefulSet", "statefulsets": "StatefulSet",
	"ds": "DaemonSet", "daemonset": "DaemonSet", "daemonsets": "DaemonSet",
	"rs": "ReplicaSet", "replicaset": "ReplicaSet", "replicasets": "ReplicaSet",
	"job": "Job", "jobs": "Job", "cj": "CronJob", "cronjob": "CronJob", "cronjobs": "CronJob",
	"no": "Node", "node": "Node", "nodes": "Node",
	"svc": "Service", "service": "Service", "services": "Service",
	"pvc": "PersistentVolumeClaim", "persistentvolumeclaim": "PersistentVolumeClaim",
}

var (
	kindWord      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{0,62}$`)
	objectName    = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	leadMention   = regexp.MustCompile(`^\s*<@[A-Z0-9]+(\|[^>]*)?>[\s:,]*`)
)

// maxCommand bounds what is looked at of a command line, in bytes.
const maxCommand = 1000

// ParseCommand reads the text after the slash command, or of a mention. It never
// fails: what it does not understand is Unknown and says why. Nothing of the
// text is kept that is not a name in Kubernetes' own form.
func ParseCommand(text string) Query {
	if len(text) > maxCommand {
		return unknown(redact.Literal("that is too long for a command"))
	}
	for range 3 { // people write the name twice
		text = leadMention.ReplaceAllString(text, "")
	}
	words := strings.Fields(unescape(text))
	if len(words) == 0 {
		return Query{Kind: Help}
	}
	rest := words[1:]
	switch strings.ToLower(strings.TrimRight(words[0], "?!.,:")) {
	case "help":
		return Query{Kind: Help}
	case "status":
		if len(rest) > 0 {
			return unknown(redact.Literal("status takes nothing after it"))
		}
		return Query{Kind: Status}
	case "why":
		return parseWhy(rest)
	case "stop", "resume", "break-glass":
		return parseSteer(strings.ToLower(strings.TrimRight(words[0], "!.,:")), rest)
	}
	return unknown(redact.Sprintf("I do not know the command “%s”", redact.Name(words[0]).Truncate(40)))
}

// parseSteer reads the commands that change how everything behaves. “resume?” is
// a question and none of them.
func parseSteer(word string, rest []string) Query {
	q := Query{}
	switch word {
	case "stop":
		q.Kind = Stop
	case "resume":
		q.Kind = Resume
	case "break-glass":
		q.Kind = BreakGlass
		if len(rest) == 0 || !incidentID.MatchString(rest[0]) {
			return unknown(redact.Literal("break-glass wants an incident and a reason: break-glass INCIDENT REASON"))
		}
		q.Incident, rest = incident.ID(rest[0]), rest[1:]
	default:
		return unknown(redact.Sprintf("“%s” is not one of stop, resume and break-glass", redact.Name(word).Truncate(40)))
	}
	q.Reason = redact.Name(strings.Join(rest, " ")).Truncate(reasonRunes)
	if q.Kind == BreakGlass && q.Reason.IsEmpty() {
		return unknown(redact.Literal("break-glass wants a reason after the incident"))
	}
	return q
}

func unknown(problem redact.Text) Query { return Query{Kind: Unknown, Problem: problem} }

func parseWhy(words []string) Query {
	q := Query{Kind: Why}
	for n := 0; n < len(words); n++ {
		word := words[n]
		flag, value, inline := strings.Cut(word, "=")
		switch {
		case flag == "-n" || flag == "--namespace":
			if !inline {
				n++
				if n == len(words) {
					return unknown(redact.Sprintf("%s wants a namespace after it", redact.Name(flag)))
				}
				value = words[n]
			}
			if !namespaceName.MatchString(value) {
				return unknown(redact.Sprintf("“%s” is not the name of a namespace", redact.Name(value).Truncate(70)))
			}
			q.Namespace = value
		case strings.HasPrefix(word, "-"):
			return unknown(redact.Sprintf("I do not know the option “%s”", redact.Name(word).Truncate(40)))
		case q.Object != "":
			return unknown(redact.Literal("why takes one object: why KIND/NAME [-n NAMESPACE]"))
		default:
			object, ok := parseObject(strings.TrimRight(word, "?"))
			if !ok {
				return unknown(redact.Sprintf("“%s” is not of the form KIND/NAME", redact.Name(word).Truncate(70)))
			}
			q.Object = object
		}
	}
	if q.Object == "" {
		return unknown(redact.Literal("why wants an object: why KIND/NAME [-n NAMESPACE]"))
	}
	return q
}

func parseObject(word string) (string, bool) {
	kind, name, ok := strings.Cut(word, "/")
	if !ok || !kindWord.MatchString(kind) || len(name) > 253 || !objectName.MatchString(name) {
		return "", false
	}
	if known := kindWords[strings.ToLower(kind)]; known != "" {
		kind = known
	}
	return kind + "/" + name, true
}

// helpText is the answer to help, after what was not understood, if anything.
func helpText(problem redact.Text) redact.Text {
	help := redact.Literal("I understand:\n" +
		"• why KIND/NAME [-n NAMESPACE]: what is wrong with an object, for example why deployment/cart -n shop\n" +
		"• status: what is open\n" +
		"• stop [REASON]: the kill switch; nothing is offered, rehearsed or changed until somebody resumes\n" +
		"• resume [REASON]: take the stop back\n" +
		"• break-glass INCIDENT REASON: approve one change of that incident alone, within minutes; somebody else has to review it\n" +
		"• help: this text\n" +
		"In a thread, mention me and write the same words.")
	if problem.IsEmpty() {
		return help
	}
	return redact.Sprintf("%s.\n%s", problem, help)
}
