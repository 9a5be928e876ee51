package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// The forms, by callback_id, and their fields, by block_id and action_id.
const (
	editForm   = "cs-edit-form"
	reasonForm = "cs-reason-form"

	imageField   = "cs-image"
	limitField   = "cs-limit"
	requestField = "cs-request"
	reasonField  = "cs-reason"
)

// The longest that a field takes, in runes, and what Slack keeps of metadata.
const (
	imageRunes    = 480
	quantityRunes = 30
	reasonRunes   = 300
	metadataRunes = 3000
)

// openWithin is how long Slack takes the trigger of a press.
const openWithin = 3 * time.Second

var (
	errNoTrigger  = errors.New("the press is too old, or not from a card of ours, to open a form for it")
	errNotOffered = errors.New("the offer that the form is for is not open any more")
	errNoForm     = errors.New("there is no form for this press")
)

// Ask opens a form for whoever pressed: the parameters that may be edited, or
// the reason that an approval needs. What the person sends off arrives as a
// Click of its own, with Via set to ViaForm and the same verb and digest.
func (s *Slack) Ask(ctx context.Context, c Click, i incident.Incident) error {
	if c.Trigger == "" || !c.Clicked.Genuine {
		return errNoTrigger
	}
	ws, err := s.workspace(ctx)
	if err != nil {
		return fmt.Errorf("open a form: %w", err)
	}
	form, params, err := formFor(c.Clicked, i)
	if err != nil {
		return err
	}
	meta := formMeta{
		Incident: i.ID, Digest: c.Clicked.Digest, Verb: c.Clicked.Verb, Channel: c.Clicked.Channel, Message: c.Clicked.Message,
		User: c.Clicked.Person.ID, Team: c.Clicked.Person.Team, Params: params, Judged: judgedOf(c.Clicked, i),
	}
	if err := (seal{key: s.cfg.Key, team: ws.TeamID}).signForm(form, meta); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	err = s.call(ctx, "views.open", func(ctx context.Context) error {
		_, err := s.api.OpenViewContext(ctx, c.Trigger, *form)
		return err
	})
	return scrub("open a form", err)
}

// formFor is the form of a press, and the parameters that its fields change.
func formFor(c incident.Clicked, i incident.Incident) (*slack.ModalViewRequest, *action.Params, error) {
	if c.Verb == incident.Judge {
		return formOfVerdict(i), nil, nil
	}
	cur := i.ByDigest(c.Digest)
	if cur == nil || !cur.Open() {
		return nil, nil, errNotOffered
	}
	if _, whole := renderApproval(i, *cur, nil); !whole {
		return nil, nil, errNoForm // what cannot be read can be neither approved nor edited
	}
	offer := approval{cur: *cur}
	act := cur.Proposed.Terms.Action
	switch {
	case c.Verb == incident.Edit && editable(*cur):
		form := newForm(editForm, "Edit the change", "Rehearse it")
		fields := editFields(act)
		offer.add(line(strong(redact.Literal("Change as it is offered"))), redact.Text{})
		offer.change(act)
		offer.finePrint(act)
		form.Blocks.BlockSet = append([]slack.Block{rich(approvalName, offer.rich...)}, fields...)
		form.Blocks.BlockSet = append(form.Blocks.BlockSet, paragraph("cs-then", redact.Literal(
			"The offer on the card is taken back with its votes. What you enter is rehearsed and offered anew; somebody else than you has to approve it.")))
		return form, &act.Params, nil
	case c.Verb == incident.Approve:
		form := newForm(reasonForm, "Approve this change", "Approve")
		offer.title()
		offer.change(act)
		offer.finePrint(act)
		reason := input(reasonField, "Reason", "", reasonRunes)
		reason.Hint = slack.NewTextBlockObject(slack.PlainTextType, "It stands on the card and in the audit log.", false, false)
		form.Blocks.BlockSet = []slack.Block{rich(approvalName, offer.rich...), reason}
		return form, nil, nil
	}
	return nil, nil, errNoForm
}

func newForm(callback, title, submit string) *slack.ModalViewRequest {
	text := func(s string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
	}
	return &slack.ModalViewRequest{Type: slack.VTModal, CallbackID: callback, Title: text(title), Submit: text(submit), Close: text("Cancel")}
}

func input(id, label, initial string, runes int) *slack.InputBlock {
	return slack.NewInputBlock(id, slack.NewTextBlockObject(slack.PlainTextType, label, false, false), nil, &slack.PlainTextInputBlockElement{
		Type: slack.METPlainTextInput, ActionID: id, InitialValue: initial, MaxLength: runes,
	})
}

// editable reports whether people may change the parameters of an offer. An
// undo puts back what was: there is nothing to choose.
func editable(cur incident.Attempt) bool {
	return cur.Open() && cur.Rehearsal.Undo == "" && len(editFields(cur.Proposed.Terms.Action)) > 0
}

// editFields are the parameters of a change that people may choose. A memory
// request is neither added nor removed, so that it has a field only where there
// is one.
func editFields(act action.Action) []slack.Block {
	switch p := act.Params; {
	case p.SetImage != nil:
		return []slack.Block{input(imageField, "New image", p.SetImage.To, imageRunes)}
	case p.SetResources != nil:
		fields := []slack.Block{input(limitField, "New memory limit", p.SetResources.ToMemoryLimit, quantityRunes)}
		if p.SetResources.ToMemoryRequest != "" {
			fields = append(fields, input(requestField, "New memory request", p.SetResources.ToMemoryRequest, quantityRunes))
		}
		return fields
	}
	return nil
}

// formMeta is what a form carries beside its words. It is sealed: only the
// person for whom it was opened can send it off, for that offer and card.
type formMeta struct {
	Incident incident.ID    `json:"i"`
	Digest   action.Hash    `json:"d"`
	Verb     incident.Verb  `json:"v"`
	Channel  string         `json:"c"`
	Message  string         `json:"m"`
	User     string         `json:"u"`
	Team     string         `json:"t"`
	Params   *action.Params `json:"p,omitempty"` // of the offer, of an edit
	Judged   *judged        `json:"j,omitempty"` // of a verdict
}

func (m formMeta) valid() bool {
	return incidentID.MatchString(string(m.Incident)) && m.Digest.Valid() && channelID.MatchString(m.Channel) &&
		m.Message != "" && len(m.Message) <= 40 && (m.Verb == incident.Approve && m.Params == nil || m.Verb == incident.Edit && m.Params != nil || m.Verb == incident.Judge && m.Params == nil) &&
		(m.Verb == incident.Judge) == (m.Judged != nil)
}

// encode never writes a sign that Slack escapes: encoding/json escapes them.
func (m formMeta) encode() (string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode form: %w", err)
	}
	return string(raw), nil
}
