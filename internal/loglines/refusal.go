package loglines

import "regexp"

// Refusal is an answer 403 of the API server to a ServiceAccount, read.
type Refusal struct {
	Namespace, Account string
	Verb               string
	Resource, Group    string
	In                 string // the namespace asked for; empty: the whole cluster
	URL                string // instead of a resource
}

// apiForbidden is the API server's sentence. Clients log it escaped once or
// twice.
var apiForbidden = regexp.MustCompile(`is forbidden: User \\*"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)\\*" cannot ([a-z*]+) (?:` +
	`resource \\*"([a-z0-9./-]+)\\*" in API group \\*"([a-z0-9.-]*)\\*"(?: in the namespace \\*"([a-z0-9-]+)\\*"| at the cluster scope)|path \\*"(/[^"\\\s]*)\\*")`)

func readForbidden(line string) (Reason, bool) {
	m := apiForbidden.FindStringSubmatch(line)
	if m == nil {
		return Reason{}, false
	}
	return Reason{Trouble: Permission, Refused: Refusal{
		Namespace: m[1], Account: m[2], Verb: m[3], Resource: m[4], Group: m[5], In: m[6], URL: m[7],
	}}, true
}
