package page

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/test/slackstub"
)

type wireItem struct {
	Seq                   int
	Time, Dir, Kind, Line string
	Detail                string
	Bad                   bool
}

const wireShown = 150

// wire merges HTTP calls and frames, the newest first, pings left out.
func (p *page) wire() []wireItem {
	var out []wireItem
	clock := func(t time.Time) string { return t.Format("15:04:05.000") }
	for _, c := range p.s.Calls() {
		line := fmt.Sprintf("%s → %d", c.Method, c.Status)
		if c.Error != "" {
			line += " " + c.Error
		}
		if c.Fault != "" {
			line += " [" + c.Fault + "]"
		}
		out = append(out, wireItem{Seq: c.Seq, Time: clock(c.Start), Dir: "http", Kind: "call", Line: line + fmt.Sprintf(" · %.1f ms", float64(c.Took.Microseconds())/1000),
			Detail: indented(c.Args), Bad: c.Error != "" || c.Status != 200})
	}
	for _, f := range p.s.Frames() {
		if f.Kind == "ping" || f.Kind == "pong" {
			continue
		}
		w := wireItem{Seq: f.Seq, Time: clock(f.At), Dir: "in", Kind: f.Kind, Line: fmt.Sprintf("conn %d %s", f.Conn, f.Kind)}
		if f.Out {
			w.Dir = "out"
		}
		var o map[string]any
		if f.Kind == "text" && json.Unmarshal([]byte(f.Body), &o) == nil {
			w.Detail = indented(o)
			if t, ok := o["type"].(string); ok {
				w.Line = fmt.Sprintf("conn %d %s", f.Conn, t)
			} else {
				w.Line = fmt.Sprintf("conn %d ack", f.Conn)
			}
		} else if f.Body != "" {
			w.Detail = f.Body[:min(len(f.Body), 2000)]
		}
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b wireItem) int { return b.Seq - a.Seq })
	return out[:min(len(out), wireShown)]
}

func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// knob is one button of the panel: a name and the body for POST /_ctl/<name>.
type knob struct{ Name, Label, Body string }

func knobPanel() []knob {
	return []knob{
		{"disconnect", "Disconnect: warning", `{"reason":"warning","graceMS":10000}`},
		{"disconnect", "Disconnect: refresh", `{"reason":"refresh_requested"}`},
		{"drop", "Drop the link (RST)", `{"mode":"rst"}`},
		{"drop", "Make it a ghost", `{"mode":"ghost"}`},
		{"storm", "Disconnect storm ×5", `{"n":5}`},
		{"ratelimit", "429 on next post", `{"method":"chat.postMessage","n":1,"retryAfter":5}`},
		{"ratelimit", "429 on next update", `{"method":"chat.update","n":1,"retryAfter":5}`},
		{"http", "Lose the next post's answer", `{"method":"chat.postMessage","mode":"lost"}`},
		{"http", "500 on next update", `{"method":"chat.update","mode":"status","status":500,"body":"<html>"}`},
		{"dup", "Deliver next click twice", `{"type":"interactive","times":1}`},
		{"reorder", "Swap next two clicks", `{"type":"interactive","n":1}`},
		{"delay", "Delay next click 4 s", `{"type":"interactive","n":1,"delayMS":4000}`},
		{"ackLost", "Lose next click's ack", `{"type":"interactive","n":1}`},
		{"malformed", "Send broken JSON", `{"kind":"bad_json"}`},
		{"groupEdit", "Alice leaves the approvers", `{"group":"` + slackstub.ApproverGroup + `","users":["` + slackstub.Bob + `"]}`},
		{"groupEdit", "Approvers: Alice and Bob", `{"group":"` + slackstub.ApproverGroup + `","users":["` + slackstub.Alice + `","` + slackstub.Bob + `"]}`},
		{"extShared", "Share #alerts externally", `{"channel":"` + slackstub.ChannelAlerts + `","on":true}`},
		{"reset", "Take all knobs back", `{}`},
	}
}
