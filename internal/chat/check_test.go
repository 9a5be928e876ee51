package chat

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/test/slackstub"
)

func TestNewNamesTheSettingThatIsWrong(t *testing.T) {
	good := func() Config {
		return Config{BotToken: botPrefix + "1", AppToken: appPrefix + "1", Channel: "C0000ALERT", Key: cardKey()}
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"no bot token", func(c *Config) { c.BotToken = "" }, []string{"SLACK_BOT_TOKEN", "xoxb-"}},
		{"no app token", func(c *Config) { c.AppToken = "" }, []string{"SLACK_APP_TOKEN", "connections:write"}},
		{"swapped tokens", func(c *Config) { c.BotToken, c.AppToken = c.AppToken, c.BotToken }, []string{"swapped"}},
		{"the app token twice", func(c *Config) { c.BotToken = c.AppToken }, []string{"SLACK_BOT_TOKEN"}},
		{"the bot token twice", func(c *Config) { c.AppToken = c.BotToken }, []string{"SLACK_APP_TOKEN"}},
		{"no channel", func(c *Config) { c.Channel = "" }, []string{"SLACK_CHANNEL_ID"}},
		{"a channel's name", func(c *Config) { c.Channel = "#alerts" }, []string{"SLACK_CHANNEL_ID", "name"}},
		{"no key", func(c *Config) { c.Key = nil }, []string{"key"}},
		{"an address without a slash", func(c *Config) { c.APIURL = "http://127.0.0.1:1/api" }, []string{"slash"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good()
			c.change(&cfg)
			_, err := New(cfg)
			told(t, err, c.want...)
			if err != nil && strings.Contains(err.Error(), cfg.BotToken) && len(cfg.BotToken) > 5 {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
	if _, err := New(good()); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
}

func TestCheckNamesTheSettingAndTheRemedy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		stub   func(*slackstub.Server)
		change func(*Config)
		want   []string
	}{
		{"an unknown bot token", nil, func(c *Config) { c.BotToken += "x" }, []string{"SLACK_BOT_TOKEN", "invalid_auth"}},
		{"an unknown app token", nil, func(c *Config) { c.AppToken += "x" }, []string{"SLACK_APP_TOKEN", "invalid_auth"}},
		{"revoked tokens", func(s *slackstub.Server) { s.RevokeTokens("token_revoked") }, nil, []string{"SLACK_BOT_TOKEN", "install the app again"}},
		{"a missing scope", func(s *slackstub.Server) { s.SetScopes("chat:write", "commands", "users:read", "channels:read") }, nil, []string{"SLACK_BOT_TOKEN", "app_mentions:read", "usergroups:read"}},
		{"no scope to look at channels", func(s *slackstub.Server) {
			s.SetScopes("chat:write", "commands", "users:read", "app_mentions:read", "usergroups:read")
		}, nil, []string{"channels:read"}},
		{"an app token without its scope", func(s *slackstub.Server) { s.APIError("apps.connections.open", 1, "missing_scope") }, nil, []string{"SLACK_APP_TOKEN", "connections:write"}},
		{"an unknown channel", nil, func(c *Config) { c.Channel = "C0000NONE" }, []string{"SLACK_CHANNEL_ID", "C0000NONE"}},
		{"a channel without the bot", nil, func(c *Config) { c.Channel = slackstub.ChannelGeneral }, []string{"SLACK_CHANNEL_ID", "/invite"}},
		{"a shared channel", nil, func(c *Config) { c.Channel = slackstub.ChannelShared }, []string{"SLACK_CHANNEL_ID", "Slack Connect"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			stub := slackstub.Start(t, slackstub.Config{})
			if c.stub != nil {
				c.stub(stub)
			}
			var change []func(*Config)
			if c.change != nil {
				change = append(change, c.change)
			}
			b := unconnected(t, stub, change...)
			_, err := b.Check(soon(t))
			told(t, err, c.want...)
		})
	}
}

func TestCheckSaysWhereTheAppIsInstalled(t *testing.T) {
	t.Parallel()
	for _, channel := range []string{slackstub.ChannelAlerts, slackstub.ChannelPrivate} {
		b := unconnected(t, slackstub.Start(t, slackstub.Config{}), func(c *Config) { c.Channel = channel })
		ws, err := b.Check(soon(t))
		if err != nil || ws.TeamID != slackstub.TeamID || ws.BotUserID != slackstub.BotUserID || ws.Channel == "" {
			t.Errorf("%+v, %v", ws, err)
		}
	}
}

func TestAnOutageAtTheCheckIsAnErrorWithoutSecrets(t *testing.T) {
	t.Parallel()
	stub := slackstub.Start(t, slackstub.Config{})
	b := unconnected(t, stub)
	stub.FaultHTTP(slackstub.HTTPFault{Method: "auth.test", N: 1, Mode: slackstub.FaultReset})
	_, err := b.Check(soon(t))
	if err == nil || strings.Contains(err.Error(), stub.BotToken()) {
		t.Errorf("%v", err)
	}
}

func told(t *testing.T, err error, want ...string) {
	t.Helper()
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("the error does not say %q: %v", w, err)
		}
	}
}
