package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/chat"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/jobs"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/respond"
)

// The roles' Leases; RBAC names them.
const (
	gateLease    = "countersign-gate"
	watcherLease = "countersign-watcher"
)

// takers is how many presses are written down at a time: each has one second.
const takers = 16

// electing reports whether replicas have to agree on a leader. The embedded
// store admits one process anyway.
func (s Settings) electing() bool { return s.LeaderElection && s.RedisURL != "" }

// reach is what the gate needs from outside: its keys, the API server, Slack.
type reach struct {
	keys     Keys
	conn     *rest.Config
	client   kubernetes.Interface
	launcher *jobs.Launcher
	slack    *chat.Slack
	where    chat.Workspace
}

// reachOut connects, and finds everything that is wrong with the settings of the
// gate before anything is started.
func reachOut(ctx context.Context, s Settings, groups func() []string, redactor *redact.Redactor, log *slog.Logger) (r reach, err error) {
	if r.keys, err = LoadKeys(s.KeysDir); err != nil {
		return r, err
	}
	if r.conn, err = connection("GATE", s.GateConfig, s); err != nil {
		return r, err
	}
	r.launcher, err = jobs.New(jobs.Config{REST: r.conn, Template: s.JobTemplate(r.keys), Redactor: redactor, Logger: log})
	if err != nil {
		return r, fmt.Errorf("EXECUTOR_IMAGE, EXECUTOR_NAMESPACE: %w", err)
	}
	if _, err := r.launcher.ServerNow(ctx); err != nil {
		return r, fmt.Errorf("GATE_KUBECONFIG, KUBECONFIG: the API server does not answer the gate; check the kubeconfig, its context and the network: %w", err)
	}
	if r.slack, err = newSlack(s, r.keys, groups, redactor, log); err != nil {
		return r, err
	}
	if r.where, err = r.slack.Check(ctx); err != nil {
		return r, err
	}
	log.Info("connected to Slack", "team", r.where.Team, "bot", r.where.BotUserID)
	if r.client, err = kubernetes.NewForConfig(r.conn); err != nil {
		return r, fmt.Errorf("connect as the gate: %w", err)
	}
	return r, nil
}

// startGate makes the gate's parts and starts them in group.
func startGate(ctx context.Context, group *errgroup.Group, s Settings, st storage, rules incident.Rules, redactor *redact.Redactor, ready *readiness, log *slog.Logger) error {
	settings, source, err := basePolicy(ctx, s, redactor)
	if err != nil {
		return err
	}
	ruled := &steering{base: settings, source: source, redactor: redactor, log: log}
	out, err := reachOut(ctx, s, ruled.groups, redactor, log)
	if err != nil {
		return err
	}
	keys, client, launcher, slack := out.keys, out.client, out.launcher, out.slack
	epoch := int64(1)
	if s.electing() {
		log.Info("waiting for the lease", "lease", gateLease)
		term, hold, err := lead(ctx, client, s.Namespace, gateLease)
		if err != nil {
			return err
		}
		epoch = term
		group.Go(hold)
	}
	sealer := &incident.Sealer{Key: keys.Seal, Epoch: epoch}
	chain := audit.NewChain(auditLog{st}, &anchor{client: client, namespace: s.Namespace}, keys.Signing, time.Now, log)
	if err := checkChain(ctx, chain, keys, log); err != nil {
		return err
	}
	steered := &control{client: client, namespace: s.Namespace, redactor: redactor, log: log}
	fence, err := ProveFence(ctx, group, s, s.Instance, out.conn, launcher, keys, redactor, log)
	if err != nil {
		return err
	}
	reasons := halts{kill: steered.Halt, fence: fence, audit: chain.Halt}
	rules.Halt, rules.Hold = reasons.Halt, reasons.Hold
	rules.Policy = func() action.Hash { return ruled.live.Digest() }
	effects := &respond.GateEffects{
		Thread: slack, Launcher: launcher, Key: keys.Signing, Rules: rules, History: history(st),
		Signers: ruled.Signers, Steering: ruled, Fresh: steered.Fresh, Cards: &respond.Cards{PerHour: s.CardsPerHour, Now: time.Now},
		Gather: &respond.Gather{Now: time.Now},
	}
	responder := respond.New(respond.Config{
		Role: incident.Gate, Store: st, Effects: effects, Rules: rules, Sealer: sealer, Vouch: chain.Vouch, Distrust: effects.Distrust,
		Now: time.Now, Log: log,
	})
	steered.announce, steered.rule = responder.Steer, ruled.Consider
	ruled.announce, ruled.load = responder.Steer, responder.Load
	live, err := ruled.start(ctx)
	if err != nil {
		return err
	}
	effects.Policy = live
	if err := startCards(ctx, group, responder, effects); err != nil {
		return err
	}
	signed := &approvals{
		load: responder.Load, write: responder.Append, vouch: chain.Vouch, signers: ruled.Signers, team: out.where.TeamID,
		redactor: redactor, now: time.Now, log: log,
	}
	if err := signed.serve(ctx, group, s.ApprovalPort); err != nil {
		return err
	}
	helm := &respond.Helm{Thread: slack, Policy: live, Turn: steered.Turn, Now: time.Now, Alarm: slack.Rogue}
	takePeople(ctx, group, responder, slack, helm)
	group.Go(func() error { return steered.Run(ctx) })
	group.Go(func() error { reconsider(ctx, responder, rules); return nil })
	group.Go(func() error { chain.Run(ctx); return nil })
	group.Go(func() error { announceLoss(ctx, chain, responder.Steer, log); return nil })
	group.Go(func() error { return launcher.Run(ctx) })
	group.Go(func() error { return responder.Run(ctx) })
	group.Go(func() error { responder.TakeHints(ctx, launcher.Changes()); return nil })
	ready.add("slack", func() error {
		if !slack.Connected() {
			return errors.New("no socket to Slack")
		}
		return nil
	})
	return nil
}

// startCards recalls which cards stand, which has to be known before the gate
// posts any, and starts what is written on them from outside their incidents.
func startCards(ctx context.Context, group *errgroup.Group, responder *respond.Responder, effects *respond.GateEffects) error {
	storm := &respond.StormCard{Gate: responder, Cards: effects.Cards, Gather: effects.Gather}
	if err := storm.Recall(ctx); err != nil {
		return err
	}
	group.Go(func() error { storm.Run(ctx); return nil })
	group.Go(func() error { effects.Gather.Run(ctx, responder); return nil })
	return nil
}

// takePeople starts what people in Slack reach.
func takePeople(ctx context.Context, group *errgroup.Group, responder *respond.Responder, slack *chat.Slack, helm *respond.Helm) {
	group.Go(func() error { return slack.Run(ctx) })
	for range takers {
		group.Go(func() error { responder.TakeClicks(ctx, slack.Clicks(), slack); return nil })
	}
	group.Go(func() error { responder.TakeCommands(ctx, slack.Commands(), helm); return nil })
}

// checkChain compares the store with the anchor. Where the store has forgotten
// what the anchor vouches for, votes and executions may be among it: the chain
// halts everything, the cards say so, and the log says the remedy.
func checkChain(ctx context.Context, chain *audit.Chain, keys Keys, log *slog.Logger) error {
	err := chain.Check(ctx, keys.Public())
	if apierrors.IsUnauthorized(err) {
		return fmt.Errorf("GATE_KUBECONFIG, KUBECONFIG: the API server does not accept the gate's credentials; renew the kubeconfig or the ServiceAccount token: %w", err)
	}
	if err != nil {
		log.Error("the audit anchor does not vouch for the store, so nothing is offered or executed", "err", err)
	}
	return nil
}

// reconsider asks what is due for every incident when a halt begins or ends, or
// another policy is in force, until ctx ends. Both are looked up in memory.
func reconsider(ctx context.Context, r *respond.Responder, rules incident.Rules) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	halt, policy := rules.Halt(), rules.Policy()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if h, p := rules.Halt(), rules.Policy(); h != halt || p != policy {
			halt, policy = h, p
			r.Reconsider()
		}
	}
}

func newSlack(s Settings, keys Keys, groups func() []string, redactor *redact.Redactor, log *slog.Logger) (*chat.Slack, error) {
	return chat.New(chat.Config{
		BotToken: s.SlackBotToken, AppToken: s.SlackAppToken, APIURL: s.SlackAPIURL, Channel: s.SlackChannelID,
		Groups: groups, Mode: s.Mode, ClusterName: s.ClusterName, Key: keys.Seal, Log: log, Redactor: redactor, Now: time.Now,
	})
}

// compared is the audit chain, once it has compared log and anchor.
type compared interface {
	Began() *audit.Accepted
	Halt() string
}

// announceLoss tells the channel, once log and anchor were compared, that the
// store lost records and an operator accepted what it has: cards from before may
// stand there for good. It tries until it is written down.
func announceLoss(ctx context.Context, chain compared, announce func(context.Context, incident.ID, incident.Steered) error, log *slog.Logger) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if began := chain.Began(); began != nil {
			err := announce(ctx, steeringID("log", strconv.Itoa(began.Was.Seq), string(began.Was.Hash)), incident.Steered{
				What: incident.NewLog, Old: began.Was.Hash,
				Reason: redact.Sprintf("%s records were vouched for, and %s are there; an operator accepted that",
					redact.Int(int64(began.Was.Seq)), redact.Int(int64(began.Have))),
			})
			if err == nil {
				return
			}
			log.Warn("the loss of records could not be announced, will be tried again", "err", err)
		} else if chain.Halt() != audit.NotCompared {
			return // they agreed, or the gate is halted and its cards say why
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
