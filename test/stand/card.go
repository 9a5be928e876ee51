package stand

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/store"
	"github.com/countersign-dev/countersign/test/slackstub"
)

// Wanted says whether a card shows what is waited for; nil takes any card.
type Wanted func(slackstub.Message) bool

// HasButton wants a card with this button.
func HasButton(actionID string) Wanted {
	return func(m slackstub.Message) bool {
		for _, e := range m.Elements() {
			if e.ActionID == actionID {
				return true
			}
		}
		return false
	}
}

// Says wants a card that shows this text.
func Says(text string) Wanted {
	return func(m slackstub.Message) bool { return strings.Contains(m.PlainText(), text) }
}

// AwaitCard waits for the newest card about a workload to show what is wanted.
// The error carries what the card said last.
func (s *Stand) AwaitCard(ctx context.Context, limit time.Duration, namespace, workload string, want Wanted) (slackstub.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	card, err := s.Slack.WaitMessage(ctx, func(m slackstub.Message) bool {
		return about(m, namespace, workload) && (want == nil || want(m))
	})
	if err != nil {
		return slackstub.Message{}, fmt.Errorf("%w; %s", err, s.lastCard(namespace, workload))
	}
	return card, nil
}

// about tells whether a message is the card of a workload: the root of a thread
// whose title names it.
func about(m slackstub.Message, namespace, workload string) bool {
	if m.Deleted || m.ThreadTS != "" && m.ThreadTS != m.TS {
		return false
	}
	title, _, _ := strings.Cut(m.PlainText(), "\n")
	return strings.Contains(title, namespace+"/"+workload)
}

func (s *Stand) lastCard(namespace, workload string) string {
	last := "there is no card about " + namespace + "/" + workload
	for _, m := range s.Slack.Messages(slackstub.ChannelAlerts) {
		if about(m, namespace, workload) {
			last = "the card says:\n" + m.PlainText()
		}
	}
	last += "\n\nits records:\n" + s.records(namespace, workload)
	if len(s.processes) > 0 {
		last += "\n\ncountersign's log ends:\n" + s.processes[len(s.processes)-1].Tail()
	}
	return last
}

// recordWidth bounds a record in an error message.
const recordWidth = 420

// records lists what the store holds about a workload.
func (s *Stand) records(namespace, workload string) string {
	st, err := store.ReadFile(s.settings["STORE_PATH"])
	if err != nil {
		return err.Error()
	}
	defer st.Close()
	all, err := st.Log(context.Background(), 0, 1<<20)
	if err != nil {
		return err.Error()
	}
	mine := map[incident.ID]bool{}
	var out strings.Builder
	for _, r := range all {
		raw := string(r.Raw)
		if r.Version == 1 && strings.Contains(raw, `"namespace":"`+namespace+`"`) && strings.Contains(raw, `"name":"`+workload) {
			mine[r.Incident] = true
		}
		if mine[r.Incident] {
			fmt.Fprintf(&out, "%s %d %s\n", r.Incident, r.Version, raw[:min(len(raw), recordWidth)])
		}
	}
	return out.String()
}
