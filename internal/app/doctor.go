package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/redis/go-redis/v9/logging"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/admission"
	"github.com/countersign-dev/countersign/internal/doctor"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Wall is the fence that belongs to the settings. instance is part of the names
// of cluster-scoped objects where one cluster carries several installations.
func (s Settings) Wall(instance string) admission.Config {
	c := admission.Default()
	c.Instance, c.Namespace, c.ExecutorNamespace = instance, s.Namespace, s.ExecutorNS
	c.Protected = append(c.Protected, splitList(s.Protected)...)
	c.WatchNamespaces, c.AllNamespaces = s.Namespaces(), s.Namespaces() == nil
	c.Remediate = s.remediates()
	return c
}

// remediates reports whether anything is proposed or executed anywhere.
func (s Settings) remediates() bool {
	if s.Mode("*") != incident.ModeOff { // no namespace has this name
		return true
	}
	for namespace := range s.NamespaceModes {
		if s.Mode(namespace) != incident.ModeOff {
			return true
		}
	}
	return false
}

// ProveFence starts the proof of the fence in group, with the gate's account,
// and returns what it says against offers and orders. It does not wait: until the
// fence is proven, that is what the returned function says.
func ProveFence(ctx context.Context, group *errgroup.Group, s Settings, instance string, conn *rest.Config, launcher *jobs.Launcher, keys Keys, redactor *redact.Redactor, log *slog.Logger) (halt func() string, err error) {
	if !s.remediates() {
		return func() string { return "" }, nil // there is no executor, and nothing to offer
	}
	prover, err := doctor.New(doctor.Config{
		REST: conn, Launcher: launcher, Template: s.JobTemplate(keys), Key: keys.Signing, Wall: s.Wall(instance), Redactor: redactor, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("prove the fence: %w", err)
	}
	group.Go(func() error { return prover.Run(ctx) })
	return prover.Halt, nil
}

// Doctor makes every check of an installation once, with the rights of whoever
// asks, and writes the table. It returns the exit code.
func Doctor(ctx context.Context, o LookOptions, s Settings, out io.Writer) (code int, err error) {
	conn, _, err := o.connect()
	if err != nil {
		return 0, err
	}
	redactor := redact.New(redact.Config{})
	subject := doctor.Subject{
		Person: conn, Wall: s.Wall(s.Instance), KeysDir: s.KeysDir, KeyFiles: []string{signingFile, sealFile},
		BotToken: s.SlackBotToken, SlackURL: s.SlackAPIURL, RedisURL: s.RedisURL, Redactor: redactor,
	}
	if subject.Approvers, err = s.Approvers(); err != nil {
		return 0, err
	}
	for _, ids := range subject.Approvers {
		subject.Groups = subject.Groups || slices.ContainsFunc(ids, func(id string) bool { return id[0] == 'S' })
	}
	keys, err := LoadKeys(s.KeysDir)
	subject.KeysError = err
	if err == nil {
		subject.Template = s.JobTemplate(keys)
	} else {
		keys.Seal = make([]byte, 32) // no card is sealed here, and Slack can be asked without
	}
	subject.Template.Image = s.ExecutorImage
	if s.SlackBotToken != "" {
		slack, err := newSlack(s, keys, policy.Settings{Approvers: subject.Approvers}.Groups, redactor, slog.New(slog.DiscardHandler))
		subject.SlackError = err
		if err == nil {
			subject.Slack = slack
		}
	}
	logging.Disable() // the client would write every failed dial between the lines
	checks, err := doctor.Examine(ctx, subject)
	if err != nil {
		return 0, err
	}
	if o.Output == "json" {
		err = doctor.JSON(out, checks)
	} else {
		err = doctor.Text(out, checks, o.Colour)
	}
	return doctor.Code(checks), err
}
