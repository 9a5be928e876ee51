package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

const (
	ownOrg     = "E0000ACME"
	foreignOrg = "E0000VEND"
	sister     = "T0000SIST" // another workspace of our organisation
)

// human is what somebody is, apart from where they belong.
type human struct {
	name   string
	edit   func(u *slackstub.User)
	person bool // a full, active member, if they belong to us
}

func extra(fields ...any) func(*slackstub.User) {
	return func(u *slackstub.User) {
		if u.Extra == nil {
			u.Extra = map[string]any{}
		}
		for n := 0; n < len(fields); n += 2 {
			u.Extra[fields[n].(string)] = fields[n+1]
		}
	}
}

var humans = []human{
	{"a full member", func(*slackstub.User) {}, true},
	{"an admin", func(u *slackstub.User) { u.IsAdmin = true }, true},
	{"a guest", func(u *slackstub.User) { u.IsRestricted = true }, false},
	{"a single-channel guest", func(u *slackstub.User) { u.IsUltraRestricted = true }, false},
	{"a single-channel guest whom Slack calls no guest", extra("is_restricted", false, "is_ultra_restricted", true), false},
	{"a deactivated member", func(u *slackstub.User) { u.Deleted = true }, false},
	{"a bot", func(u *slackstub.User) { u.IsBot = true }, false},
	{"an app's user", extra("is_app_user", true), false},
	{"a workflow's bot", extra("is_workflow_bot", true), false},
	{"a connector's bot", extra("is_connector_bot", true), false},
	{"a stranger of Slack Connect", extra("is_stranger", true), false},
	{"an invited person", extra("is_invited_user", true), false},
	{"a member without deleted", extra("deleted", nil), false},
	{"a member without is_bot", extra("is_bot", nil), false},
	{"a member without is_restricted", extra("is_restricted", nil), false},
	{"a member without is_ultra_restricted", extra("is_ultra_restricted", nil), false},
	{"a member whose flag is null", extra("is_restricted", json.RawMessage("null")), false},
}

// place is where somebody belongs by their profile and by the press.
type place struct {
	name      string
	grid      bool // the app is installed in a workspace of an organisation
	team, org string
	press     string // user.team_id of the press
	ours      bool
}

var places = []place{
	{"at home", false, slackstub.TeamID, "", slackstub.TeamID, true},
	{"at home, the press says another workspace", false, slackstub.TeamID, "", slackstub.ExternalTeamID, false},
	{"at home, the press says none", false, slackstub.TeamID, "", "", false},
	{"elsewhere", false, slackstub.ExternalTeamID, "", slackstub.ExternalTeamID, false},
	{"elsewhere, the press says here", false, slackstub.ExternalTeamID, "", slackstub.TeamID, false},
	{"elsewhere, in an organisation that we are not in", false, sister, ownOrg, sister, false},
	{"no team in the profile", false, "", "", slackstub.TeamID, false},
	{"at home in a grid", true, slackstub.TeamID, ownOrg, slackstub.TeamID, true},
	{"in a sister workspace of the grid", true, sister, ownOrg, sister, true},
	{"of the organisation itself", true, ownOrg, ownOrg, ownOrg, true},
	{"in another organisation", true, slackstub.ExternalTeamID, foreignOrg, slackstub.ExternalTeamID, false},
	{"in another organisation, the press says here", true, slackstub.ExternalTeamID, foreignOrg, slackstub.TeamID, false},
	{"outside the grid, the press says the organisation", true, slackstub.ExternalTeamID, "", ownOrg, false},
	{"no team in the profile, in a grid", true, "", ownOrg, slackstub.TeamID, false},
	{"in a sister workspace, the press says none", true, sister, ownOrg, "", false},
}

// TestTheIdentityMatrix asks about everybody that can press, by attributes. The
// verdict is written beside each attribute and joined by hand: full members
// count, at places that are ours.
func TestTheIdentityMatrix(t *testing.T) {
	t.Parallel()
	var cases, members, denied int
	for _, grid := range []bool{false, true} {
		stub := slackstub.Start(t, slackstub.Config{Limits: slackstub.Limits{Off: true}, Users: append(slackstub.SeedUsers(), slackstub.User{ID: "W0000WENDY", TeamID: slackstub.TeamID, Name: "wendy"})})
		b := unconnected(t, stub)
		if grid {
			stub.FaultHTTP(slackstub.HTTPFault{Method: "auth.test", N: 1, Mode: slackstub.FaultStatus, Status: 200, Body: fmt.Sprintf(
				`{"ok":true,"team_id":%q,"team":"Acme","user_id":%q,"bot_id":%q,"enterprise_id":%q}`, slackstub.TeamID, slackstub.BotUserID, slackstub.BotID, ownOrg)})
		}
		if ws, err := b.workspace(soon(t)); err != nil || (ws.EnterpriseID == ownOrg) != grid {
			t.Fatalf("%+v, %v", ws, err)
		}
		for _, id := range []string{slackstub.Alice, "W0000WENDY"} {
			plain, _ := stub.User(id)
			for _, where := range places {
				if where.grid != grid {
					continue
				}
				for _, who := range humans {
					if err := stub.EditUser(id, func(u *slackstub.User) {
						*u = plain
						u.Extra = nil
						u.TeamID = slackstub.TeamID // so that the stand-in answers as of a member
						who.edit(u)
						extra("team_id", where.team)(u)
						if where.org != "" {
							extra("enterprise_user", map[string]any{"id": "W1", "enterprise_id": where.org})(u)
						}
					}); err != nil {
						t.Fatal(err)
					}
					// The press lies about the name and the enterprise in every case.
					press := incident.Person{ID: id, Team: where.press, Enterprise: ownOrg, Name: redactName("Alice Moreau")}
					got, err := b.Identify(soon(t), press)
					cases++
					want := who.person && where.ours
					if want {
						members++
					} else {
						denied++
					}
					if err != nil || got.Member != want || want != got.Why.IsEmpty() || !want && len(got.Groups) > 0 || got.Person.ID != id || got.Person.Team != where.press {
						t.Errorf("%s, %s, %s: %+v, %v; want member %t", id, who.name, where.name, got, err, want)
					}
				}
			}
		}
	}
	t.Logf("%d cases: %d members, %d not", cases, members, denied)
	if cases < 400 || members == 0 {
		t.Errorf("only %d cases, %d of them members", cases, members)
	}
}

// TestTheIdentityMatrixOfGroupsAndAnswers has what Slack says about groups, and
// answers that are none.
func TestTheIdentityMatrixOfGroupsAndAnswers(t *testing.T) {
	t.Parallel()
	groups := func() []slackstub.Group {
		return []slackstub.Group{
			{ID: "S00000ALL0", Handle: "all", Users: []string{slackstub.Alice, slackstub.Bob, slackstub.Carol}},
			{ID: "S0000EMPTY", Handle: "empty"},
			{ID: "S0000NEST0", Handle: "nested", Users: []string{"S00000ALL0"}},
			{ID: "S00000OFF0", Handle: "disabled", Users: []string{slackstub.Alice}, Disabled: true},
		}
	}
	full := fmt.Sprintf(`"id":%q,"team_id":%q,"deleted":false,"is_bot":false,"is_restricted":false,"is_ultra_restricted":false`, slackstub.Alice, slackstub.TeamID)
	user := func(fields string) string { return `{"ok":true,"user":{` + fields + `}}` }
	type verdict int
	const (
		member verdict = iota
		stranger
		unknown // an error: nobody can tell, and nothing happens
	)
	table := []struct {
		name   string
		asked  []string // groups that settings name
		method string   // whose answer is spoiled
		status int
		body   string
		want   verdict
		groups []string
	}{
		{"in a group", []string{"S00000ALL0"}, "", 0, "", member, []string{"S00000ALL0"}},
		{"in no group", []string{"S0000EMPTY"}, "", 0, "", member, nil},
		{"nobody asks for groups", nil, "", 0, "", member, nil},
		{"in a group within a group", []string{"S0000NEST0"}, "", 0, "", member, nil},
		{"in one of two", []string{"S0000EMPTY", "S00000ALL0"}, "", 0, "", member, []string{"S00000ALL0"}},
		{"a disabled group", []string{"S00000OFF0"}, "", 0, "", unknown, nil},
		{"a disabled group beside one", []string{"S00000ALL0", "S00000OFF0"}, "", 0, "", unknown, nil},
		{"a group that is none", []string{"S0000NONE0"}, "", 0, "", unknown, nil},
		{"groups: no list", []string{"S00000ALL0"}, "usergroups.users.list", 200, `{"ok":true}`, member, nil},
		{"groups: not ok", []string{"S00000ALL0"}, "usergroups.users.list", 200, `{"ok":false,"error":"fatal_error"}`, unknown, nil},
		{"groups: no JSON", []string{"S00000ALL0"}, "usergroups.users.list", 200, `<html>`, unknown, nil},
		{"groups: 503", []string{"S00000ALL0"}, "usergroups.users.list", 503, `<html>`, unknown, nil},
		{"groups: cut in half", []string{"S00000ALL0"}, "usergroups.users.list", 200, `{"ok":true,"users":["U0000ALICE"`, unknown, nil},
		{"groups: a longer id", []string{"S00000ALL0"}, "usergroups.users.list", 200, `{"ok":true,"users":["U0000ALICE2"," U0000ALICE","u0000alice"]}`, member, nil},
		{"a full answer", nil, "users.info", 200, user(full), member, nil},
		{"somebody else's id", nil, "users.info", 200, user(fmt.Sprintf(`"id":%q,"team_id":%q,"deleted":false,"is_bot":false,"is_restricted":false,"is_ultra_restricted":false`, slackstub.Bob, slackstub.TeamID)), stranger, nil},
		{"no id", nil, "users.info", 200, user(full[len(`"id":"U0000ALICE",`):]), stranger, nil},
		{"no user", nil, "users.info", 200, `{"ok":true}`, unknown, nil},
		{"a null user", nil, "users.info", 200, `{"ok":true,"user":null}`, unknown, nil},
		{"an empty user", nil, "users.info", 200, `{"ok":true,"user":{}}`, stranger, nil},
		{"a list of users", nil, "users.info", 200, `{"ok":true,"user":[]}`, unknown, nil},
		{"a user without ok", nil, "users.info", 200, `{"user":{` + full + `}}`, unknown, nil},
		{"not ok, with a user", nil, "users.info", 200, `{"ok":false,"error":"fatal_error","user":{` + full + `}}`, unknown, nil},
		{"a flag as text", nil, "users.info", 200, user(full + `,"is_app_user":"no"`), unknown, nil},
		{"a flag twice", nil, "users.info", 200, user(full + `,"is_bot":true`), stranger, nil},
		{"a flag in capitals", nil, "users.info", 200, user(full + `,"IS_BOT":true`), stranger, nil},
		{"user_not_found", nil, "users.info", 200, `{"ok":false,"error":"user_not_found"}`, stranger, nil},
		{"user_not_visible", nil, "users.info", 200, `{"ok":false,"error":"user_not_visible"}`, stranger, nil},
		{"missing_scope", nil, "users.info", 200, `{"ok":false,"error":"missing_scope"}`, unknown, nil},
		{"token_revoked", nil, "users.info", 200, `{"ok":false,"error":"token_revoked"}`, unknown, nil},
		{"an error without a name", nil, "users.info", 200, `{"ok":false}`, unknown, nil},
		{"no JSON", nil, "users.info", 200, `<html>`, unknown, nil},
		{"an empty answer", nil, "users.info", 200, ``, unknown, nil},
		{"cut in half", nil, "users.info", 200, user(full)[:60], unknown, nil},
		{"500", nil, "users.info", 500, `{"ok":true,"user":{` + full + `}}`, unknown, nil},
		{"404", nil, "users.info", 404, `{"ok":true,"user":{` + full + `}}`, unknown, nil},
		{"who are we: no team", nil, "auth.test", 200, `{"ok":true,"user_id":"U1"}`, unknown, nil},
		{"who are we: not ok", nil, "auth.test", 200, `{"ok":false,"error":"invalid_auth"}`, unknown, nil},
	}
	t.Logf("%d cases", len(table))
	for _, c := range table {
		t.Run(c.name, func(t *testing.T) {
			stub := slackstub.Start(t, slackstub.Config{Groups: groups()})
			b := unconnected(t, stub, func(cfg *Config) { cfg.Groups = func() []string { return c.asked } })
			if c.method != "" {
				body := c.body
				if body == "" {
					body = " "
				}
				stub.FaultHTTP(slackstub.HTTPFault{Method: c.method, N: 1, Mode: slackstub.FaultStatus, Status: c.status, Body: body})
			}
			got, err := b.Identify(soon(t), incident.Person{ID: slackstub.Alice, Team: slackstub.TeamID})
			is := member
			switch {
			case err != nil:
				is = unknown
			case !got.Member:
				is = stranger
			}
			if is != c.want || !slices.Equal(got.Groups, c.groups) || is == unknown && got.Person.ID != "" {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
