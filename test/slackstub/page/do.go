package page

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

// deed is what the script reports that a person did.
type deed struct {
	Channel, TS, Thread, View  string
	Action, Block, Value, Text string
	Option                     string
	Options                    []string
	Values                     map[string]string
}

const maxDeed = 1 << 20

// do lets the signed-in person act, and answers once Slack's client would have
// drawn the result: acknowledged, or failed after three seconds.
func (p *page) do(w http.ResponseWriter, r *http.Request) {
	u, ok := p.who(r)
	if !ok {
		http.Error(w, "sign in first", http.StatusForbidden)
		return
	}
	var d deed
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDeed)).Decode(&d); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	res, err := p.act(u.ID, r.PathValue("what"), d)
	if err == nil && res.ID != "" && res.Type != slackstub.TypeEvents {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		res, err = p.s.WaitAck(ctx, res.ID)
	}
	out := map[string]any{"ok": err == nil, "ms": res.Latency.Milliseconds()}
	if err != nil {
		out["error"] = forPeople(err)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return // the browser left
	}
}

func (p *page) act(user, what string, d deed) (slackstub.EnvelopeResult, error) {
	o := slackstub.ClickOptions{BlockID: d.Block, Value: d.Value, Option: d.Option, Options: d.Options}
	switch what {
	case "press":
		if d.View != "" {
			return p.s.ClickView(user, d.View, d.Action, o)
		}
		return p.s.Click(user, d.Channel, d.TS, d.Action, o)
	case "submit":
		return p.s.Submit(user, d.View, d.Values)
	case "close":
		return p.s.CloseView(user, d.View)
	case "say":
		text := strings.TrimSpace(d.Text)
		if !strings.HasPrefix(text, "/") {
			_, res, err := p.s.Say(user, d.Channel, d.Thread, text)
			return res, err
		}
		if d.Thread != "" {
			return slackstub.EnvelopeResult{}, errNoSlashInThread
		}
		command, rest, _ := strings.Cut(text, " ")
		return p.s.Slash(user, d.Channel, command, strings.TrimSpace(rest))
	}
	return slackstub.EnvelopeResult{}, errors.New("unknown deed")
}

var errNoSlashInThread = errors.New("slash commands do not work in threads; mention the bot instead")

func forPeople(err error) string {
	switch {
	case errors.Is(err, slackstub.ErrNoConnection):
		return "The app is not connected."
	case errors.Is(err, slackstub.ErrNotAcknowledged):
		return "The app did not respond within 3 seconds."
	}
	return strings.TrimPrefix(err.Error(), "slack stand-in: ")
}
