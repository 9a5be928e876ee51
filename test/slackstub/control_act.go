package slackstub

import (
	"context"
	"time"
)

// defaultAckWait is how long an acting control waits for the acknowledgement:
// the three seconds a person is given, and some.
const defaultAckWait = 4 * time.Second

// controlAct lets a test in another language, or the page, act as a person. It
// answers once the envelope is settled, unless waitMS is negative.
func (s *Server) controlAct(name string, c ctl) (out any, done bool, err error) {
	var r EnvelopeResult
	o := ClickOptions{BlockID: c.Block, Value: c.Value, Option: c.Option, Anyone: c.Anyone}
	switch name {
	case "click":
		r, err = s.Click(c.User, c.Channel, c.TS, c.Action, o)
	case "clickView":
		r, err = s.ClickView(c.User, c.View, c.Action, o)
	case "submit":
		r, err = s.Submit(c.User, c.View, c.Values)
	case "closeView":
		r, err = s.CloseView(c.User, c.View)
	case "slash":
		r, err = s.Slash(c.User, c.Channel, c.Command, c.Text)
	case "mention":
		r, err = s.Mention(c.User, c.Channel, c.Thread, c.Text)
	case "say":
		_, r, err = s.Say(c.User, c.Channel, c.Thread, c.Text)
	case "event":
		r = s.Raise(c.Event)
	case "wait":
		r.ID = c.Envelope
	default:
		return nil, false, nil
	}
	if err != nil || r.ID == "" || c.WaitMS < 0 {
		return r, true, err
	}
	wait := defaultAckWait
	if c.WaitMS > 0 {
		wait = ms(c.WaitMS)
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	r, err = s.WaitAck(ctx, r.ID)
	return r, true, err
}
