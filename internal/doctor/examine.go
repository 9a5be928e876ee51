package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Subject is the installation to look at.
type Subject struct {
	// Person is the connection of whoever asks. It impersonates our accounts.
	Person *rest.Config
	Wall   admission.Config
	// Template is the executor Job of the settings; KeysError says why there is
	// none.
	Template  jobs.Template
	KeysDir   string
	KeyFiles  []string
	KeysError error
	// Slack is nil where no token is set, SlackError where its settings are wrong.
	Slack      SlackChecker
	SlackError error
	BotToken   string
	SlackURL   string // base of the Web API; empty is Slack
	Groups     bool   // approvers are named by user groups
	// RedisURL is empty where the embedded store is used.
	RedisURL  string
	Approvers map[string][]string
	Redactor  *redact.Redactor
}

// SlackChecker asks Slack whether everything that is needed works.
type SlackChecker interface {
	Check(ctx context.Context) (chat.Workspace, error)
}

// checkTimeout bounds one group of checks.
const checkTimeout = time.Minute

// examination is Subject with connections.
type examination struct {
	Subject
	client  kubernetes.Interface
	dynamic dynamic.Interface
	// completed is the executor Job as the API server completes it, and set what
	// this version would install; both are nil before the check of the Job.
	completed *batchv1.Job
	wall      *wall
	set       admission.Set
}

// Examine makes every check once, in the order of the table. The error is that
// not even a connection could be made.
func Examine(ctx context.Context, s Subject) ([]Check, error) {
	if s.Person == nil || s.Redactor == nil {
		return nil, errors.New("an examination needs a connection and a redactor")
	}
	conn := rest.CopyConfig(s.Person)
	// Rights are asked for one by one: some hundreds of small questions.
	conn.QPS, conn.Burst = 300, 600
	s.Person = conn
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	dyn, err := dynamic.NewForConfig(conn)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server: %w", err)
	}
	e := &examination{Subject: s, client: client, dynamic: dyn}
	var checks []Check
	for _, look := range []func(context.Context) []row{
		e.server, e.keys, e.executorJob, e.policies, e.fence, e.rights, e.gatekeeper, e.slack, e.redis, e.approvers, e.anchor,
	} {
		limited, cancel := context.WithTimeout(ctx, checkTimeout)
		for _, r := range look(limited) {
			checks = append(checks, Check{
				Name: r.name, State: r.state, Detail: s.Redactor.Redact(r.detail), Remedy: s.Redactor.Redact(r.remedy),
			})
		}
		cancel()
	}
	return checks, nil
}
