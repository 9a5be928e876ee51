package chat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestEveryFormIsTheGoldenOne(t *testing.T) {
	memory := setResources("64Mi")
	for name, form := range map[string]*slack.ModalViewRequest{
		"form-edit-image":     sealedForm(t, offered(t, 1, true).i, incident.Edit),
		"form-edit-resources": sealedForm(t, tell(t).looked(diagnosis()).rehearsing(memory).rehearsed().proposed(memory, 1, true).i, incident.Edit),
		"form-reason":         sealedForm(t, offered(t, 1, true).needsReason().i, incident.Approve),
	} {
		raw := encodeBlocks(t, form)
		if err := validForm(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		golden(t, name+".json", indent(t, raw))
		golden(t, name+".txt", readableForm(t, raw))
	}
}

// readableForm is a form as a person reads it.
func readableForm(t *testing.T, raw []byte) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "= %s\n", leafText(v["title"]))
	for _, e := range v["blocks"].([]any) {
		block := e.(map[string]any)
		if str(block, "type") == "rich_text" {
			b.WriteString(richLines(block["elements"].([]any), ""))
			continue
		}
		element := block["element"].(map[string]any)
		fmt.Fprintf(&b, "%s: (%s)\n", leafText(block["label"]), str(element, "initial_value"))
		if hint := leafText(block["hint"]); hint != "" {
			fmt.Fprintf(&b, "    %s\n", hint)
		}
	}
	fmt.Fprintf(&b, "[%s] [%s]\n", leafText(v["submit"]), leafText(v["close"]))
	return b.String()
}

// The stand-in checks blocks by itself, from Slack's documentation: a second
// opinion beside valid.
func TestTheStandInTakesTheCardOfEveryState(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{Limits: slackstub.Limits{Off: true}})
	b := unconnected(t, stub)
	all := states(t)
	for _, c := range all {
		o := approveMode()
		if c.o != nil {
			c.o(&o)
		}
		blocks, text := Render(c.i(t), o)
		if err := ourSeal().sign(blocks); err != nil {
			t.Fatal(err)
		}
		ts, err := b.post(soon(t), slackstub.ChannelAlerts, "", text, blocks)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if m, _ := stub.Message(slackstub.ChannelAlerts, ts); len(m.LiveMarkup()) > 0 {
			t.Errorf("%s: live: %v", c.name, m.LiveMarkup())
		}
	}
	t.Logf("%d cards", len(all))
}
