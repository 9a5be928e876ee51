package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// submitted reads a form that was sent off; ok is false where it is none of
// ours. wrong says by field what is not of the form that a field takes; whether
// the values make sense is the gate's question. A form that is not genuine is
// handed on without what was entered, so that the gate refuses it.
func (s *Slack) submitted(p press) (c Click, wrong map[string]string, ok bool) {
	v := p.View
	if v.Type != "modal" || v.CallbackID != editForm && v.CallbackID != reasonForm && v.CallbackID != verdictForm {
		return Click{}, nil, false
	}
	meta, sealed, ok := cutMetadata(v.PrivateMetadata)
	if !ok {
		return Click{}, nil, false
	}
	c = Click{Incident: meta.Incident, Clicked: incident.Clicked{
		Verb: meta.Verb, Digest: meta.Digest, Person: s.author(p), Channel: s.cfg.Channel, PressedAt: s.cfg.Now().UTC(),
		Said: incident.Said{Via: incident.ViaForm},
	}}
	c.Clicked.Genuine = s.genuineForm(p, meta, sealed)
	if c.Clicked.Genuine {
		c.Clicked.Channel, c.Clicked.Message = meta.Channel, meta.Message
		if meta.Verb == incident.Judge {
			c.Clicked.Verdict, wrong = s.readVerdict(v, meta)
		} else {
			wrong = s.read(&c.Clicked.Said, v, meta)
		}
		if len(wrong) > 0 {
			return Click{}, wrong, true
		}
	}
	c.Clicked.Click = formID(p, c.Clicked.Said, c.Clicked.Verdict)
	return c, nil, true
}

// cutMetadata takes a seal and what it is said to seal apart.
func cutMetadata(text string) (m formMeta, sealed string, ok bool) {
	mac, body, ok := strings.Cut(text, ".")
	if !ok || len(text) > metadataRunes || len(mac) > 100 {
		return formMeta{}, "", false
	}
	dec := json.NewDecoder(strings.NewReader(body))
	dec.DisallowUnknownFields()
	if dec.Decode(&m) != nil || !m.valid() {
		return formMeta{}, "", false
	}
	return m, mac, true
}

// genuineForm reports whether the form is the one that we opened, with the words
// that we gave it, sent off by the person for whom it was.
func (s *Slack) genuineForm(p press, m formMeta, sealed string) bool {
	ws := s.ws.Load()
	if ws == nil || !ws.installed(p) || p.User.ID == "" || p.User.ID != m.User || p.User.TeamID != m.Team {
		return false
	}
	if want := map[incident.Verb]string{incident.Edit: editForm, incident.Approve: reasonForm, incident.Judge: verdictForm}[m.Verb]; p.View.CallbackID != want {
		return false
	}
	_, body, _ := strings.Cut(p.View.PrivateMetadata, ".")
	return seal{key: s.cfg.Key, team: ws.TeamID}.genuineForm(p.View, body, sealed)
}

var (
	// imageForm and quantityForm keep out what no image and no quantity holds,
	// white space, control characters and markup above all.
	imageForm    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
	quantityForm = regexp.MustCompile(`^[0-9][0-9A-Za-z.]*$`)
)

// read takes the fields into said, and says what is wrong with them.
func (s *Slack) read(said *incident.Said, v view, m formMeta) (wrong map[string]string) {
	wrong = map[string]string{}
	field := func(id string) string { return strings.TrimSpace(v.State.Values[id][id].Value) }
	if m.Verb == incident.Approve {
		if said.Reason = s.reason(field(reasonField)); said.Reason.IsEmpty() {
			wrong[reasonField] = "Say in a few words why."
		}
		return wrong
	}
	p := *m.Params
	switch {
	case p.SetImage != nil:
		edited := *p.SetImage
		if edited.To = field(imageField); len(edited.To) > imageRunes || !imageForm.MatchString(edited.To) {
			wrong[imageField] = "An image reference, such as registry.example/cart:v1."
		}
		edited.Typed = true
		said.Params = &action.Params{SetImage: &edited}
	case p.SetResources != nil:
		edited := *p.SetResources
		if edited.ToMemoryLimit = field(limitField); !isQuantity(edited.ToMemoryLimit) {
			wrong[limitField] = "An amount of memory, such as 256Mi."
		}
		if edited.ToMemoryRequest != "" {
			if edited.ToMemoryRequest = field(requestField); !isQuantity(edited.ToMemoryRequest) {
				wrong[requestField] = "An amount of memory, such as 128Mi."
			}
		}
		said.Params = &action.Params{SetResources: &edited}
	default:
		wrong["cs-then"] = "This change has nothing to edit."
	}
	return wrong
}

func isQuantity(s string) bool { return len(s) <= quantityRunes && quantityForm.MatchString(s) }

// reason is what a person gave for a reason, on one line. The form bounds it
// too, but what comes with a payload is not relied on.
func (s *Slack) reason(text string) redact.Text {
	for n := range text {
		if utf8.RuneCountInString(text[:n]) > 4*reasonRunes {
			text = text[:n]
			break
		}
	}
	return s.cfg.Redactor.Redact(strings.Join(strings.Fields(text), " ")).Truncate(reasonRunes)
}

// formID names what was sent off: a form that Slack delivers twice is one, and
// one that its author changed after an error is another.
func formID(p press, said incident.Said, verdict *incident.Verdict) string {
	parts, _ := json.Marshal([]any{"form", p.View.ID, p.View.PrivateMetadata, p.User.TeamID, p.User.ID, said, verdict})
	sum := sha256.Sum256(parts)
	return "c" + hex.EncodeToString(sum[:10])
}
