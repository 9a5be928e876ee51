package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/countersign-dev/countersign/internal/chat"
)

// scopes are what docs/slack-app-manifest.yaml asks for; a test compares.
func scopes() []string {
	return []string{"chat:write", "commands", "users:read", "usergroups:read", "app_mentions:read", "channels:read", "groups:read", "im:write"}
}

const slackPages = "on the app's page at https://api.slack.com/apps"

// slack looks at the bot's token and scopes, then at everything that the gate
// itself asks for at its start.
func (e *examination) slack(ctx context.Context) []row {
	const token, channel = "slack token", "slack channel"
	if e.SlackError != nil {
		return []row{bad(token, e.SlackError.Error(), "correct the Slack settings (countersign config print shows them)")}
	}
	if e.Slack == nil {
		return []row{skipped(token, "no token is set")}
	}
	answer, err := askSlack(ctx, e.SlackURL, e.BotToken)
	if err != nil {
		return []row{{name: token, detail: err.Error(), remedy: "see that Slack can be reached from here, and run it again"}}
	}
	first := tokenRow(token, answer, e.Groups)
	if first.state == Failed && answer.code != "" {
		return []row{first}
	}
	ws, err := e.Slack.Check(ctx)
	return []row{first, channelRow(channel, ws, err)}
}

// slackAnswer is what auth.test gave.
type slackAnswer struct {
	code, team, user string
	scopes           string // the header X-OAuth-Scopes
}

func askSlack(ctx context.Context, base, token string) (slackAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if base == "" {
		base = "https://slack.com/api/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/auth.test", http.NoBody)
	if err != nil {
		return slackAnswer{}, errors.New("SLACK_API_URL is no address")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return slackAnswer{}, fmt.Errorf("ask Slack who we are: %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return slackAnswer{}, fmt.Errorf("ask Slack who we are: %w", err)
	}
	var body struct {
		OK                bool
		Error, Team, User string
	}
	if resp.StatusCode != http.StatusOK || json.Unmarshal(raw, &body) != nil || !body.OK && body.Error == "" {
		return slackAnswer{}, fmt.Errorf("Slack answered with status %d and no word", resp.StatusCode)
	}
	return slackAnswer{code: body.Error, team: body.Team, user: body.User, scopes: resp.Header.Get("X-OAuth-Scopes")}, nil
}

// tokenRow compares the scopes. Only user groups need usergroups:read, and
// either of channels:read and groups:read reads the one channel.
func tokenRow(name string, a slackAnswer, groups bool) row {
	if a.code != "" {
		return bad(name, "SLACK_BOT_TOKEN is refused by Slack: "+a.code, "copy the bot token (xoxb-) again, or install the app again, "+slackPages)
	}
	if a.scopes == "" {
		return row{name: name, detail: "Slack did not say which scopes the token has", remedy: "compare the scopes with docs/slack-app-manifest.yaml " + slackPages}
	}
	has := map[string]bool{}
	for _, scope := range strings.Split(a.scopes, ",") {
		has[strings.TrimSpace(scope)] = true
	}
	var lacking []string
	for _, scope := range scopes() {
		switch {
		case has[scope],
			scope == "usergroups:read" && !groups,
			scope == "channels:read" && has["groups:read"],
			scope == "groups:read" && has["channels:read"]:
		default:
			lacking = append(lacking, scope)
		}
	}
	if len(lacking) > 0 {
		return bad(name, "SLACK_BOT_TOKEN lacks the scopes "+strings.Join(lacking, ", "), "add them under OAuth & Permissions "+slackPages+" and install the app again")
	}
	return good(name, "bot %s in %s, with every scope", a.user, a.team)
}

// channelRow tells what the gate's own check found: the app-level token, the
// channel and the bot's membership.
func channelRow(name string, ws chat.Workspace, err error) row {
	if err == nil {
		return good(name, "#%s, with the bot in it", ws.Channel)
	}
	var limited *chat.LimitedError
	if errors.As(err, &limited) || errors.Is(err, context.DeadlineExceeded) {
		return row{name: name, detail: err.Error(), remedy: "run it again in a minute"}
	}
	var refused *chat.TokenError
	if errors.As(err, &refused) {
		return bad(name, refused.Setting+" is refused by Slack: "+refused.Code, refused.Remedy)
	}
	return bad(name, err.Error(), "see SLACK_CHANNEL_ID and the bot's membership; /invite brings it in")
}
