package chat

import (
	"encoding/json"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func FuzzNormalForm(f *testing.F) {
	_, blocks := postedBlocks(f)
	f.Add(encodeBlocks(f, blocks))
	f.Add([]byte(`[{"type":"actions","elements":[{"type":"button"}]}]`))
	f.Add([]byte(`[{"type":1,"block_id":{},"elements":"x"},{}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := normalForm(raw)
		if err != nil {
			return
		}
		if again, err := normalForm(raw); err != nil || again != first {
			t.Fatalf("two forms of %q", raw)
		}
		if ourSeal().genuine(raw, sealPrefix+"x", approveButton, "x:") {
			t.Fatalf("%q is genuine", raw)
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(`{"type":"interactive","envelope_id":"e","payload":{"type":"block_actions","actions":[{"action_id":"cs-approve","value":"i0123456789ab:"}]}}`))
	f.Add([]byte(`{"type":"events_api","envelope_id":"e","payload":{"event":{"type":"app_mention","channel":{"id":1}}}}`))
	f.Add([]byte(`{"envelope_id":`))
	f.Add([]byte(`{"type":"interactive","envelope_id":"e","payload":{"type":"view_submission","team":{"id":"T1"},"view":{"type":"modal","callback_id":"cs-edit-form",` +
		`"private_metadata":"x.{}","blocks":[],"state":{"values":{"cs-image":{"cs-image":{"value":null}}}}}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decodeEnvelope(raw)
		if err != nil {
			return
		}
		s, err := New(Config{BotToken: botPrefix + "1", AppToken: appPrefix + "1", Channel: "C0000ALERT", Key: cardKey()})
		if err != nil {
			t.Fatal(err)
		}
		s.ws.Store(&Workspace{TeamID: "T1"})
		var p press
		if json.Unmarshal(e.Payload, &p) == nil {
			if c, ok := s.click(p); ok && (c.Clicked.Genuine || c.Clicked.Verb == "" || !incidentID.MatchString(string(c.Incident))) {
				t.Fatalf("%q is the press %+v", raw, c)
			}
			if c, _, ok := s.submitted(p); ok && (c.Clicked.Genuine || !incidentID.MatchString(string(c.Incident))) {
				t.Fatalf("%q is the form %+v", raw, c)
			}
		}
		var ev event
		if json.Unmarshal(e.Payload, &ev) == nil {
			ev.channel()
		}
	})
}

func FuzzSubmission(f *testing.F) {
	i := offered(f, 1, true).needsReason().i
	for _, verb := range []incident.Verb{incident.Edit, incident.Approve} {
		form := sealedForm(f, i, verb)
		f.Add(form.PrivateMetadata, form.CallbackID, string(encodeBlocks(f, form.Blocks)), "registry.example/cart:v2")
	}
	f.Add(`x.{"i":"i0123456789ab","d":"","v":"approve","c":"C1","m":"1","u":"","t":""}`, reasonForm, `[]`, "")
	f.Add(".{}", editForm, `[{"type":"input","element":1}]`, "<!channel>")
	f.Add("", "", "null", "\x00")
	s := offline(f)
	own := map[string]formMeta{}
	for _, verb := range []incident.Verb{incident.Edit, incident.Approve} {
		text := sealedForm(f, i, verb).PrivateMetadata
		m, _, ok := cutMetadata(text)
		if !ok {
			f.Fatal("our own metadata cannot be read")
		}
		own[text] = m
	}
	f.Fuzz(func(t *testing.T, meta, callback, blocks, value string) {
		p := press{Type: "view_submission", Team: &identity{ID: slackstub.TeamID}, User: user{ID: alice.ID, TeamID: alice.Team},
			View: view{ID: "V1", Type: "modal", CallbackID: callback, PrivateMetadata: meta, Title: []byte(`{"text":"x"}`), Submit: []byte(`{}`), Close: []byte(`{}`), Blocks: []byte(blocks)}}
		fields := map[string]map[string]entered{}
		for _, id := range []string{imageField, limitField, requestField, reasonField} {
			fields[id] = map[string]entered{id: {Value: value}}
		}
		p.View.State.Values = fields
		c, wrong, ok := s.submitted(p)
		switch {
		case !ok:
			return
		case c.Clicked.Genuine:
			t.Fatalf("%q is genuine under a title that is not ours", meta)
		case len(wrong) > 0 || c.Clicked.Params != nil || !c.Clicked.Reason.IsEmpty():
			t.Fatalf("fields of a form that is not genuine were read: %+v, %v", c, wrong)
		case !incidentID.MatchString(string(c.Incident)) || !c.Clicked.Digest.Valid() || c.Clicked.Click == "" || c.Clicked.Via != incident.ViaForm:
			t.Fatalf("%q gives %+v", meta, c)
		}
		// The same fields in a form of ours: in form, or answered in the form.
		for _, m := range own {
			var said incident.Said
			if len(s.read(&said, p.View, m)) > 0 {
				continue
			}
			if m.Verb == incident.Approve && said.Reason.IsEmpty() || m.Verb == incident.Edit && !imageForm.MatchString(said.Params.SetImage.To) {
				t.Fatalf("%q is taken for %+v", value, said)
			}
		}
		if m, ok := own[meta]; ok && (c.Incident != m.Incident || c.Clicked.Digest != m.Digest) {
			t.Fatalf("metadata of %s is read as that of %s", i.ID, c.Incident)
		}
	})
}
