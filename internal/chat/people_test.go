package chat

import (
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestOnlyAFullActiveHumanMemberOfTheWorkspaceMayAct(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	foreign := incident.Person{ID: slackstub.Alice, Team: slackstub.ExternalTeamID}
	home := func(id string) incident.Person { return incident.Person{ID: id, Team: slackstub.TeamID} }
	for _, c := range []struct {
		name   string
		who    incident.Person
		member bool
		groups []string
		why    string
	}{
		{"an approver", home(slackstub.Alice), true, []string{slackstub.ApproverGroup}, ""},
		{"a member in no group", home(slackstub.Carol), true, nil, ""},
		{"a guest", home(slackstub.Gus), false, nil, "guests"},
		{"a deactivated account", home(slackstub.Dora), false, nil, "deactivated"},
		{"a bot", home(slackstub.Robo), false, nil, "not a person"},
		{"ourselves", home(slackstub.BotUserID), false, nil, "not a person"},
		{"somebody of another workspace", incident.Person{ID: slackstub.Xena, Team: slackstub.ExternalTeamID}, false, nil, "another"},
		{"somebody of another workspace who says otherwise", home(slackstub.Xena), false, nil, "another"},
		{"a member's id from another workspace", foreign, false, nil, "another"},
		{"a member without a team", incident.Person{ID: slackstub.Alice}, false, nil, "another"},
		{"another workspace in our enterprise, which we have not", incident.Person{ID: slackstub.Alice, Team: "T1", Enterprise: "E1"}, false, nil, "another"},
		{"nobody", home("U0000NOONE"), false, nil, "does not know"},
		{"an empty id", home(""), false, nil, "did not say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := b.Identify(soon(t), c.who)
			if err != nil {
				t.Fatal(err)
			}
			if got.Member != c.member || !slices.Equal(got.Groups, c.groups) || !strings.Contains(got.Why.String(), c.why) || c.member != got.Why.IsEmpty() {
				t.Errorf("%+v", got)
			}
			if got.Person.ID != c.who.ID || got.Person.Team != c.who.Team {
				t.Errorf("the person became %+v", got.Person)
			}
		})
	}
}

func TestIdentityIsAskedForAtEveryPress(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	alice := incident.Person{ID: slackstub.Alice, Team: slackstub.TeamID}
	look := func() incident.Identity {
		t.Helper()
		id, err := b.Identify(soon(t), alice)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	if id := look(); !id.Member || len(id.Groups) != 1 || id.Person.Name.String() != "Alice Moreau" {
		t.Fatalf("%+v", id)
	}
	if err := stub.EditGroup(slackstub.ApproverGroup, []string{slackstub.Bob}); err != nil {
		t.Fatal(err)
	}
	if id := look(); len(id.Groups) != 0 {
		t.Errorf("after the group changed: %+v", id)
	}
	if err := stub.EditUser(slackstub.Alice, func(u *slackstub.User) { u.IsRestricted = true }); err != nil {
		t.Fatal(err)
	}
	if id := look(); id.Member {
		t.Errorf("after she became a guest: %+v", id)
	}
}

func TestWhatSlackDoesNotAnswerIsAnErrorAndNobody(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"auth.test", "users.info", "usergroups.users.list"} {
		for _, code := range []string{"internal_error", "missing_scope", "no_such_subteam", "plan_upgrade_required"} {
			stub := slackstub.Start(t, slackstub.Config{})
			b := unconnected(t, stub)
			stub.APIError(method, 1, code)
			id, err := b.Identify(soon(t), incident.Person{ID: slackstub.Alice, Team: slackstub.TeamID})
			if err == nil || id.Member || id.Person.ID != "" {
				t.Errorf("%s answers %s: %+v, %v", method, code, id, err)
			}
		}
	}
}

func TestANameCannotPassForAnotherPersonsId(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	if err := stub.EditUser(slackstub.Carol, func(u *slackstub.User) { u.RealName = "Alice (U0000ALICE), Bob\n<!here>" }); err != nil {
		t.Fatal(err)
	}
	id, err := b.Identify(soon(t), incident.Person{ID: slackstub.Carol, Team: slackstub.TeamID})
	if err != nil {
		t.Fatal(err)
	}
	if got := personText(id.Person).String(); got != "Alice U0000ALICE Bob <!here> (U0000CAROL)" {
		t.Errorf("she is shown as %q", got)
	}
}
