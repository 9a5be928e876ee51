package gate_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// auditLine is what is read of a line of the API server's audit log.
type auditLine struct {
	Stage        string
	Verb         string
	RequestURI   string
	User         auditUser
	Impersonated *auditUser `json:"impersonatedUser"`
	Object       struct {
		Resource, Namespace, Name, Subresource, UID string
	} `json:"objectRef"`
	Response struct{ Code int } `json:"responseStatus"`
	At       time.Time          `json:"stageTimestamp"`
}

type auditUser struct {
	Username string
	Extra    map[string][]string
}

// audited is what the API server did for the installation of one run: the
// changes of Deployments by target, and how many Jobs of each name it made.
type audited struct {
	changes map[string][]change // by namespace/name
	jobs    map[string]int
	dryRuns int
}

// readAudit reads what belongs to the namespaces of one run. The harness's own
// writes are those of the administrator, who impersonates nobody.
func readAudit(path string, namespaces map[string]bool, executors string) (audited, error) {
	out := audited{changes: map[string][]change{}, jobs: map[string]int{}}
	f, err := os.Open(path)
	if err != nil {
		return out, fmt.Errorf("read the API server's audit log: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var l auditLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			continue // the last line may be half written
		}
		if l.Response.Code < 200 || l.Response.Code > 299 {
			continue
		}
		who := l.User
		if l.Impersonated != nil {
			who = *l.Impersonated
		}
		switch {
		case l.Object.Resource == "jobs" && l.Object.Namespace == executors && l.Verb == "create":
			out.jobs[l.Object.Name]++
		case l.Object.Resource != "deployments" || !namespaces[l.Object.Namespace] || who.Username == "admin":
		case strings.Contains(l.RequestURI, "dryRun="):
			out.dryRuns++
		case l.Verb != "delete" && l.Verb != "deletecollection" || !strings.HasPrefix(who.Username, "system:serviceaccount:kube-system:"):
			pod := ""
			if names := who.Extra["authentication.kubernetes.io/pod-name"]; len(names) > 0 {
				pod = names[0]
			}
			key := l.Object.Namespace + "/" + l.Object.Name
			out.changes[key] = append(out.changes[key], change{at: l.At, user: who.Username, pod: pod, verb: l.Verb})
		}
	}
	return out, lines.Err()
}
