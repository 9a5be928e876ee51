package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// maxProfile bounds what is read of an answer about a person, in bytes.
const maxProfile = 1 << 20

// profile is a person as users.info answers. slack-go's own type cannot tell a
// flag that is false from one that Slack left out, and what Slack does not say
// speaks for nobody.
type profile struct {
	ID       string `json:"id"`
	TeamID   string `json:"team_id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Profile  struct {
		RealName    string `json:"real_name"`
		DisplayName string `json:"display_name"`
	} `json:"profile"`
	Enterprise struct {
		ID string `json:"enterprise_id"`
	} `json:"enterprise_user"`

	// Slack says these of every member of the workspace.
	Deleted           *bool `json:"deleted"`
	IsBot             *bool `json:"is_bot"`
	IsRestricted      *bool `json:"is_restricted"`
	IsUltraRestricted *bool `json:"is_ultra_restricted"`
	// These only of whom they concern.
	IsAppUser      bool `json:"is_app_user"`
	IsWorkflowBot  bool `json:"is_workflow_bot"`
	IsConnectorBot bool `json:"is_connector_bot"`
	IsStranger     bool `json:"is_stranger"`
	IsInvitedUser  bool `json:"is_invited_user"`
}

// profileOf asks Slack about a person.
func (s *Slack) profileOf(ctx context.Context, id string) (*profile, error) {
	var answer struct {
		OK     bool     `json:"ok"`
		Error  string   `json:"error"`
		Needed string   `json:"needed"`
		User   *profile `json:"user"`
	}
	err := s.call(ctx, "users.info", func(ctx context.Context) error {
		return s.postForm(ctx, "users.info", url.Values{"token": {s.cfg.BotToken}, "user": {id}}, &answer)
	})
	switch {
	case err != nil:
		return nil, err
	case !answer.OK:
		return nil, slack.SlackErrorResponse{Err: answer.Error, Needed: answer.Needed}
	case answer.User == nil:
		return nil, errNoUser
	}
	return answer.User, nil
}

// postForm calls a method of the Web API as slack-go does, with the same errors.
func (s *Slack) postForm(ctx context.Context, method string, values url.Values, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.APIURL+method, strings.NewReader(values.Encode()))
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := s.http.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", method, err)
	}
	defer func() { _ = resp.Body.Close() }() // it was read, or the error is told
	if after, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode == http.StatusTooManyRequests && err == nil {
		return &slack.RateLimitedError{RetryAfter: time.Duration(after) * time.Second}
	}
	if resp.StatusCode != http.StatusOK {
		return slack.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxProfile)).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", method, err)
	}
	return nil
}

// stranger says why a person may not act, or nothing. The team in the press is
// checked beside the profile's; the press's enterprise is not looked at, because
// it is that of the app and not of the person.
func stranger(ws Workspace, p incident.Person, u *profile) redact.Text {
	is := func(flag *bool) bool { return flag != nil && *flag }
	switch {
	case u.ID != p.ID:
		return redact.Literal("Slack answered about somebody else")
	case is(u.Deleted):
		return redact.Literal("this account is deactivated")
	case is(u.IsBot) || u.IsAppUser || u.IsWorkflowBot || u.IsConnectorBot || u.ID == ws.BotUserID || u.ID == "USLACKBOT":
		return redact.Literal("this is not a person")
	case u.IsStranger:
		return redact.Literal("this person belongs to another organisation")
	case !ws.owns(u.TeamID, u.Enterprise.ID) || !ws.owns(p.Team, u.Enterprise.ID):
		return redact.Literal("this person belongs to another workspace")
	case is(u.IsUltraRestricted) || is(u.IsRestricted):
		return redact.Literal("guests may not do this")
	case u.IsInvitedUser:
		return redact.Literal("this person has not joined the workspace yet")
	case u.Deleted == nil || u.IsBot == nil || u.IsRestricted == nil || u.IsUltraRestricted == nil:
		return redact.Literal("Slack does not say enough about this person")
	}
	return redact.Text{}
}

// owns reports whether a team is the installing one, or belongs to the
// installing organisation. An empty team is nobody's.
func (ws Workspace) owns(team, enterprise string) bool {
	switch {
	case team == "":
		return false
	case ws.TeamID != "" && team == ws.TeamID:
		return true
	case ws.EnterpriseID == "":
		return false
	}
	return team == ws.EnterpriseID || enterprise == ws.EnterpriseID
}
