package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Click is a press on a button of ours, or a form that was sent off. The
// consumer writes Clicked down and then calls Ack, once; what is not written
// down is not acknowledged, and Slack shows its author an error. A press may
// come twice, with the same Clicked.Click: the second is acknowledged like the
// first.
type Click struct {
	Incident incident.ID
	Clicked  incident.Clicked
	// Trigger lets Ask open a form for whoever pressed, once and within three
	// seconds; empty for a form.
	Trigger string
	Ack     func(ctx context.Context)
}

// The buttons, by action_id.
const (
	approveButton = "cs-approve"
	rejectButton  = "cs-reject"
	manualButton  = "cs-manual"
	undoButton    = "cs-undo"
	editButton    = "cs-edit"
	reviewButton  = "cs-review"
)

var (
	channelID  = regexp.MustCompile(`^[CGD][A-Z0-9]{2,20}$`)
	incidentID = regexp.MustCompile(`^i[0-9a-f]{12}$`)
)

func verbOf(actionID string) incident.Verb {
	switch actionID {
	case approveButton:
		return incident.Approve
	case rejectButton:
		return incident.Reject
	case manualButton:
		return incident.Manual
	case undoButton:
		return incident.Undo
	case editButton:
		return incident.Edit
	case reviewButton:
		return incident.Review
	case rightButton, wrongButton, wasButton:
		return incident.Judge
	}
	return ""
}

// buttonValue is all that a button carries; the digest is empty where nothing
// is proposed yet.
func buttonValue(id incident.ID, digest action.Hash) string { return string(id) + ":" + string(digest) }

func parseValue(value string) (incident.ID, action.Hash, bool) {
	id, digest, ok := strings.Cut(value, ":")
	if !ok || !incidentID.MatchString(id) || digest != "" && !action.Hash(digest).Valid() {
		return "", "", false
	}
	return incident.ID(id), action.Hash(digest), true
}

// interactive hands a press or a form on. What is neither on one of our buttons
// nor a form of ours is acknowledged and dropped.
func (r *session) interactive(e envelope) {
	arrived := time.Now()
	var p press
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		r.log.Warn("Slack sent a press that cannot be read", "error", err)
		r.ack(r.link, e.ID, nil)
		return
	}
	var click Click
	var wrong map[string]string
	ok := false
	if p.Type == "view_submission" {
		click, wrong, ok = r.submitted(p)
	} else {
		click, ok = r.click(p)
	}
	switch {
	case !ok:
		r.log.Warn("Slack sent an interaction that is not a press of ours", "type", clip(p.Type))
		r.ack(r.link, e.ID, nil)
		return
	case len(wrong) > 0:
		r.ack(r.link, e.ID, map[string]any{"response_action": "errors", "errors": wrong})
		return
	case !click.Clicked.Genuine:
		r.log.Error("a press came from a card that is not the one we posted", "incident", click.Incident, "via", click.Clicked.Via,
			"channel", click.Clicked.Channel, "message", click.Clicked.Message, "user", click.Clicked.Person.ID)
		if ws := r.ws.Load(); ws != nil && ws.installed(p) {
			r.rogue.forged(r.cfg.Now(), click) // it was ours but for its words
		}
	}
	r.handOn(e, click, arrived)
}

// handOn gives a press to the consumer, who acknowledges it.
func (r *session) handOn(e envelope, click Click, arrived time.Time) {
	done := r.expect()
	click.Ack = func(ctx context.Context) {
		defer done()
		if time.Since(arrived) >= ackWithin {
			r.log.Warn("a press was written down too late to be acknowledged", "incident", click.Incident)
			return // Slack has shown an error already; the press counts all the same
		}
		// A press that stands written is acknowledged also while everything stops.
		r.ack(context.WithoutCancel(ctx), e.ID, nil)
	}
	select {
	case r.clicks <- click:
		r.sweep(click)
	default:
		done()
		r.log.Error("the queue of presses is full: one was dropped, and Slack shows its author an error", "incident", click.Incident)
	}
}

// expect counts a press until its returned function is called or Slack has
// stopped waiting.
func (s *Slack) expect() (done func()) {
	s.pending.Add(1)
	var once sync.Once
	release := func() { once.Do(func() { s.pending.Add(-1) }) }
	t := time.AfterFunc(ackWithin, release)
	return func() {
		t.Stop()
		release()
	}
}

// click reads a press; ok is false where it is none of ours.
func (s *Slack) click(p press) (Click, bool) {
	if p.Type != "block_actions" || len(p.Actions) != 1 {
		return Click{}, false
	}
	a := p.Actions[0]
	verb := verbOf(a.ActionID)
	id, digest, ok := parseValue(a.Value)
	if verb == "" || !ok || verb != incident.Manual && digest == "" {
		return Click{}, false
	}
	return Click{Incident: id, Trigger: p.TriggerID, Clicked: incident.Clicked{
		Click: clickID(p), Verb: verb, Digest: digest, Person: s.author(p),
		Channel: p.Container.ChannelID, Message: p.Container.MessageTS,
		Genuine: s.genuine(p), ReplyURL: s.replyURL(p.ResponseURL), PressedAt: s.cfg.Now().UTC(),
		Verdict: pressedVerdict(a.ActionID),
	}}, true
}

// author is who pressed, as the payload says.
func (s *Slack) author(p press) incident.Person {
	who := incident.Person{ID: p.User.ID, Team: p.User.TeamID, Name: s.nameText(p.User.Name)}
	if p.Enterprise != nil {
		who.Enterprise = p.Enterprise.ID
	}
	return who
}

// clickID names a press for good: who pressed which button of which message
// when, by Slack's own time of the press.
func clickID(p press) string {
	a := p.Actions[0]
	parts, _ := json.Marshal([]string{p.Container.ChannelID, p.Container.MessageTS, p.User.TeamID, p.User.ID, a.ActionID, a.Value, a.ActionTS})
	sum := sha256.Sum256(parts)
	return "c" + hex.EncodeToString(sum[:10])
}

// genuine reports whether the press brings the card that we posted.
func (s *Slack) genuine(p press) bool {
	ws := s.ws.Load()
	if ws == nil || p.Container.Type != "message" || p.Container.Ephemeral || len(p.Message.Attachments) > 0 || len(p.Message.Files) > 0 {
		return false
	}
	if p.Container.MessageTS == "" || p.Message.TS != p.Container.MessageTS || p.Channel.ID != p.Container.ChannelID || !ws.installed(p) {
		return false
	}
	a := p.Actions[0]
	return seal{key: s.cfg.Key, team: ws.TeamID, channel: p.Channel.ID}.genuine(p.Message.Blocks, a.BlockID, a.ActionID, a.Value)
}

// installed reports whether a payload is of the installation that ws describes.
func (ws Workspace) installed(p press) bool {
	if p.Team != nil && p.Team.ID != "" {
		return p.Team.ID == ws.TeamID
	}
	// team is null for an organisation-wide installation only.
	return p.Enterprise != nil && ws.EnterpriseID != "" && p.Enterprise.ID == ws.EnterpriseID
}

// nameText makes a display name fit to show beside an id. It identifies nobody,
// and it may hold none of the signs that tell one person from the next.
func (s *Slack) nameText(name string) redact.Text {
	name = strings.NewReplacer("(", "", ")", "", "[", "", "]", "", ",", "", ";", "", "·", "", "\n", " ").Replace(name)
	return s.cfg.Redactor.Redact(name).Truncate(80)
}
