package slackstub

import (
	"fmt"
	"strings"
	"time"
)

const (
	viewStack = 3
	viewBytes = 250 << 10
)

type trigger struct {
	user    string
	until   time.Time
	used    bool
	channel string
}

type view struct {
	id, root, previous string
	user               string
	body               obj // as the app sent it, with ids filled in
	hash               string
	external           string
	errors             map[string]string // block_id → text, from the last submission
	failed             string            // what the person is told when nobody acknowledged
	state              map[string]any    // what the person typed at the last submission
}

func (s *Server) newTrigger(user, channel string) string {
	id := s.digits(13) + "." + s.digits(13) + "." + s.ident(32)
	s.triggers[id] = &trigger{user: user, channel: channel, until: s.clock.Now().Add(s.cfg.Timings.TriggerTTL)}
	return id
}

// spend uses a trigger up. The codes are those of the method pages; the guide
// names others.
func (s *Server) spend(id string) (*trigger, *apiError) {
	t := s.triggers[id]
	switch {
	case id == "":
		return nil, fail("invalid_arguments")
	case t == nil:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case s.clock.Now().After(t.until):
		return nil, fail("expired_trigger_id")
	}
	t.used = true
	return t, nil
}

// parseView reads and validates the argument "view".
func (s *Server) parseView(name string, v any, where surface) (obj, *apiError) {
	o, ok := v.(obj)
	if !ok {
		return nil, fail("invalid_arguments")
	}
	if len(encode(o)) > viewBytes {
		return nil, fail("view_too_large")
	}
	c := &checker{where: where, ids: map[string]bool{}}
	blocks := c.list("/view/blocks", o["blocks"], 0, 100)
	c.blocks("/view/blocks", blocks)
	c.str("/view", o, "callback_id", 0, 255)
	c.str("/view", o, "private_metadata", 0, 3000)
	c.str("/view", o, "external_id", 0, 255)
	if where == surfaceModal {
		c.modal(o)
	} else if o["type"] != "home" {
		c.bad("/view/type", "must be home")
	}
	for _, u := range c.unknown {
		s.problem("blocks.unknown", name+": "+u)
	}
	if len(c.errs) > 0 {
		s.problem("blocks.invalid", fmt.Sprintf("%s: %v", name, c.errs))
		return nil, &apiError{code: "invalid_arguments", errors: c.errs}
	}
	out := cloneJSON(o).(obj)
	out["blocks"] = s.fillBlockIDs(blocks)
	return out, nil
}

func (c *checker) modal(o obj) {
	c.fields("/view", o, "title", "submit", "close", "blocks", "callback_id", "private_metadata", "external_id",
		"clear_on_close", "notify_on_close", "submit_disabled")
	if o["type"] != "modal" {
		c.bad("/view/type", "must be modal")
	}
	c.text("/view/title", o["title"], "plain_text", 24)
	c.optionalText("/view", o, "submit", "plain_text", 24)
	c.optionalText("/view", o, "close", "plain_text", 24)
	if c.inputs > 0 && o["submit"] == nil {
		c.bad("/view", "submit is required when an input block is within blocks array")
	}
}

func (s *Server) viewOpen(a args) (obj, *apiError) {
	t, e := s.spend(a.str("trigger_id"))
	if e != nil {
		return nil, e
	}
	return s.pushView("views.open", t, a, nil)
}

func (s *Server) viewPush(a args) (obj, *apiError) {
	t, e := s.spend(a.str("trigger_id"))
	if e != nil {
		return nil, e
	}
	stack := s.stacks[t.user]
	switch {
	case len(stack) == 0:
		return nil, fail("not_found")
	case len(stack) >= viewStack:
		return nil, fail("push_limit_reached")
	}
	return s.pushView("views.push", t, a, s.views[stack[len(stack)-1]])
}

func (s *Server) pushView(name string, t *trigger, a args, under *view) (obj, *apiError) {
	arg, err := a.value("view")
	if err != nil {
		return nil, fail("invalid_arguments")
	}
	body, e := s.parseView(name, arg, surfaceModal)
	if e != nil {
		return nil, e
	}
	if under == nil {
		s.clearStack(t.user) // a new modal takes the place of what was open
	}
	v := s.stackView(t.user, body, under)
	return obj{"view": s.viewJSON(v)}, nil
}

// stackView puts a validated body on top of a person's modals.
func (s *Server) stackView(user string, body obj, under *view) *view {
	v := &view{id: "V" + strings.ToUpper(s.ident(9)), user: user, body: body, hash: s.viewHash()}
	v.external, _ = body["external_id"].(string)
	v.root = v.id
	if under != nil {
		v.root, v.previous = under.root, under.id
	}
	s.views[v.id] = v
	s.stacks[user] = append(s.stacks[user], v.id)
	s.publish(Event{Kind: ViewChanged, User: user})
	return v
}

func (s *Server) clearStack(user string) {
	for _, id := range s.stacks[user] {
		delete(s.views, id)
	}
	delete(s.stacks, user)
}

func (s *Server) viewUpdate(a args) (obj, *apiError) {
	v := s.views[a.str("view_id")]
	if ext := a.str("external_id"); v == nil && ext != "" {
		for _, c := range s.views {
			if c.external == ext {
				v = c
			}
		}
	}
	if v == nil {
		return nil, fail("not_found")
	}
	if h := a.str("hash"); h != "" && h != v.hash {
		return nil, fail("hash_conflict")
	}
	arg, err := a.value("view")
	if err != nil {
		return nil, fail("invalid_arguments")
	}
	body, e := s.parseView("views.update", arg, surfaceModal)
	if e != nil {
		return nil, e
	}
	s.replaceView(v, body)
	return obj{"view": s.viewJSON(v)}, nil
}

func (s *Server) replaceView(v *view, body obj) {
	v.body, v.hash, v.errors, v.failed = body, s.viewHash(), nil, ""
	s.publish(Event{Kind: ViewChanged, User: v.user})
}

func (s *Server) viewPublish(a args) (obj, *apiError) {
	u := s.users[a.str("user_id")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	arg, err := a.value("view")
	if err != nil {
		return nil, fail("invalid_arguments")
	}
	old := s.homes[u.ID]
	if h := a.str("hash"); h != "" && old != nil && h != old.hash {
		return nil, fail("hash_conflict")
	}
	body, e := s.parseView("views.publish", arg, surfaceHome)
	if e != nil {
		return nil, e
	}
	v := &view{id: "V" + strings.ToUpper(s.ident(9)), user: u.ID, body: body, hash: s.viewHash()}
	if old != nil {
		v.id = old.id
	}
	v.root = v.id
	s.homes[u.ID] = v
	s.publish(Event{Kind: ViewChanged, User: u.ID})
	return obj{"view": s.viewJSON(v)}, nil
}

func (s *Server) viewHash() string {
	return fmt.Sprintf("%d.%s", s.clock.Now().Unix(), s.ident(8))
}

func (s *Server) viewJSON(v *view) obj {
	o := obj{"id": v.id, "team_id": TeamID, "app_id": AppID, "app_installed_team_id": TeamID, "bot_id": BotID,
		"hash": v.hash, "root_view_id": v.root, "previous_view_id": nil, "callback_id": "", "private_metadata": "",
		"external_id": "", "clear_on_close": false, "notify_on_close": false, "submit_disabled": false,
		"submit": nil, "close": nil, "state": obj{"values": obj{}}}
	if v.previous != "" {
		o["previous_view_id"] = v.previous
	}
	for k, e := range v.body {
		o[k] = e
	}
	if v.state != nil {
		o["state"] = obj{"values": v.state}
	}
	return o
}

// View is a modal as a person sees it.
type View struct {
	ID, CallbackID  string
	PrivateMetadata string
	Title           string
	Submit, Close   string // empty where there is no such button
	Blocks          []any
	Errors          map[string]string
	// Failed is what the person is told after an unacknowledged submission.
	Failed string
}

// Views returns a person's stack of modals, the visible one last.
func (s *Server) Views(user string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []View
	for _, id := range s.stacks[user] {
		out = append(out, s.views[id].export())
	}
	return out
}

// Home returns what views.publish showed a person.
func (s *Server) Home(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.homes[user]; v != nil {
		return v.export(), true
	}
	return View{}, false
}

func (v *view) export() View {
	plain := func(key string) string {
		o, _ := v.body[key].(obj)
		t, _ := o["text"].(string)
		return t
	}
	out := View{ID: v.id, Title: plain("title"), Submit: plain("submit"), Close: plain("close"), Errors: v.errors, Failed: v.failed}
	out.CallbackID, _ = v.body["callback_id"].(string)
	out.PrivateMetadata, _ = v.body["private_metadata"].(string)
	out.Blocks, _ = v.body["blocks"].([]any)
	if out.Close == "" {
		out.Close = "Close"
	}
	return out
}
