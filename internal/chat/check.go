package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/slack-go/slack"
)

// Workspace is where the app is installed, as Slack tells.
type Workspace struct {
	TeamID, Team string
	EnterpriseID string
	BotUserID    string
	BotID        string
	Channel      string // the name of the channel of the cards
}

// neededScopes are what the package calls. usergroups:read is needed only where
// settings name user groups.
func (s *Slack) neededScopes() []string {
	need := []string{"chat:write", "commands", "users:read", "app_mentions:read"}
	if s.cfg.Groups != nil && len(s.cfg.Groups()) > 0 {
		need = append(need, "usergroups:read")
	}
	return need
}

// Check asks Slack whether both tokens work, whether the app has the scopes
// that it needs, and whether the channel is one to post approvals to. Its errors
// name the setting and the remedy.
func (s *Slack) Check(ctx context.Context) (Workspace, error) {
	ws, header, err := s.authTest(ctx)
	if err != nil {
		return Workspace{}, err
	}
	if err := s.checkScopes(header); err != nil {
		return Workspace{}, err
	}
	if err := s.checkAppToken(ctx); err != nil {
		return Workspace{}, err
	}
	if err := s.checkChannel(ctx, &ws); err != nil {
		return Workspace{}, err
	}
	s.ws.Store(&ws)
	return ws, nil
}

func (s *Slack) authTest(ctx context.Context) (Workspace, http.Header, error) {
	var answer *slack.AuthTestResponse
	err := s.call(ctx, "auth.test", func(ctx context.Context) (err error) {
		answer, err = s.api.AuthTestContext(ctx)
		return err
	})
	if refused := tokenError(botSetting, err); refused != nil {
		return Workspace{}, nil, refused
	}
	if err != nil {
		return Workspace{}, nil, scrub("ask Slack who we are", err)
	}
	if answer.TeamID == "" {
		return Workspace{}, nil, errors.New("Slack did not say which workspace SLACK_BOT_TOKEN belongs to")
	}
	return Workspace{
		TeamID: answer.TeamID, Team: answer.Team, EnterpriseID: answer.EnterpriseID,
		BotUserID: answer.UserID, BotID: answer.BotID,
	}, answer.Header, nil
}

// workspace is the workspace, asked for once.
func (s *Slack) workspace(ctx context.Context) (Workspace, error) {
	if ws := s.ws.Load(); ws != nil {
		return *ws, nil
	}
	ws, _, err := s.authTest(ctx)
	if err != nil {
		return Workspace{}, err
	}
	s.ws.CompareAndSwap(nil, &ws)
	return ws, nil
}

// checkScopes compares with what Slack says the token has. Without the header
// nothing is known, and the calls themselves will tell.
func (s *Slack) checkScopes(header http.Header) error {
	list := header.Get("X-OAuth-Scopes")
	if list == "" {
		return nil
	}
	has := map[string]bool{}
	for _, scope := range strings.Split(list, ",") {
		has[strings.TrimSpace(scope)] = true
	}
	var missing []string
	for _, scope := range s.neededScopes() {
		if !has[scope] {
			missing = append(missing, scope)
		}
	}
	if !has["channels:read"] && !has["groups:read"] {
		missing = append(missing, "channels:read (groups:read for a private channel)")
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s lacks the scopes %s: add them on the app's page OAuth & Permissions and install the app again", botSetting, strings.Join(missing, ", "))
	}
	return nil
}

// checkAppToken opens a connection's address and throws it away: it is the only
// method that takes an app-level token.
func (s *Slack) checkAppToken(ctx context.Context) error {
	err := s.call(ctx, "apps.connections.open", func(ctx context.Context) error {
		_, _, err := s.sock.OpenContext(ctx)
		return err
	})
	if refused := tokenError(appSetting, err); refused != nil {
		return refused
	}
	return scrub("open a Socket Mode connection", err)
}

func (s *Slack) checkChannel(ctx context.Context, ws *Workspace) error {
	var c *slack.Channel
	err := s.call(ctx, "conversations.info", func(ctx context.Context) (err error) {
		c, err = s.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: s.cfg.Channel})
		return err
	})
	switch code := codeOf(err); {
	case code == "channel_not_found":
		return fmt.Errorf("%s %s: Slack knows no such channel, or it is private and the bot is not in it; check the id, or invite the bot with /invite", channelSetting, s.cfg.Channel)
	case code == "missing_scope":
		return tokenError(botSetting, err)
	case err != nil:
		return scrub("look at the channel "+s.cfg.Channel, err)
	case c.IsArchived:
		return fmt.Errorf("%s %s: the channel is archived; name another one", channelSetting, s.cfg.Channel)
	case c.IsExtShared || c.IsPendingExtShared:
		return fmt.Errorf("%s %s: the channel is shared with another organisation (Slack Connect), whose people would see the cards and their buttons; name a channel of your own workspace", channelSetting, s.cfg.Channel)
	case !c.IsMember && !c.IsIM:
		return fmt.Errorf("%s %s: the bot is not in the channel; invite it there with /invite", channelSetting, s.cfg.Channel)
	}
	s.shared.Store(false)
	ws.Channel = c.Name
	return nil
}
