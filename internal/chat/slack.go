package chat

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Config is what a Slack needs. Tokens are never logged.
type Config struct {
	BotToken string // xoxb-
	AppToken string // xapp-
	APIURL   string // base of the Web API with its trailing slash; empty is Slack
	Channel  string // where cards go
	// Groups are the user groups that settings name now; membership is asked for
	// at every press. nil is none.
	Groups func() []string
	// Mode is how far remediation goes in a namespace; nil is off everywhere.
	Mode        func(namespace string) incident.Mode
	ClusterName string
	// Key is the MAC key of the cards, at least 16 bytes. It must survive a
	// restart, or the buttons of cards that stand become worthless.
	Key      []byte
	Log      *slog.Logger
	Redactor *redact.Redactor
	Now      func() time.Time
}

// Slack is one workspace. Its methods are safe for concurrent use.
type Slack struct {
	cfg  Config
	log  *slog.Logger
	http *http.Client
	api  *slack.Client
	sock *socketmode.Client
	dial func() *socketmode.Client // a second one, for a roll call

	clicks   chan Click
	commands chan Command
	limits   limits
	seen     *recent // events and commands that were handed out
	names    *names
	doubtful *doubtful
	rogue    rogue
	roll     rollTimes

	ws        atomic.Pointer[Workspace]
	shared    atomic.Bool // the channel became a Slack Connect channel
	connected atomic.Bool
	since     atomic.Int64 // Unix seconds of the last greeting

	pending atomic.Int64 // presses handed out and not yet acknowledged, for the drain
}

// Queue lengths. A press that finds its queue full is dropped without an
// acknowledgement: its author sees an error and can press again.
const (
	clickQueue   = 64
	commandQueue = 32
)

const slackURL = "https://slack.com/api/"

// New checks the form of the configuration. It does no I/O.
func New(cfg Config) (*Slack, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.APIURL == "" {
		cfg.APIURL = slackURL
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Redactor == nil {
		cfg.Redactor = redact.New(redact.Config{})
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Slack{
		cfg: cfg, log: cfg.Log,
		clicks: make(chan Click, clickQueue), commands: make(chan Command, commandQueue),
		seen: newRecent(cfg.Now), names: newNames(cfg.Now), doubtful: newDoubtful(),
		roll: rollTimes{every: rollEvery, soon: rollSoon, linger: rollLinger},
	}
	transport := newTransport()
	s.http = &http.Client{Transport: transport, Timeout: requestTimeout}
	silent := log.New(io.Discard, "", 0)
	s.api = slack.New(cfg.BotToken, slack.OptionAPIURL(cfg.APIURL), slack.OptionHTTPClient(s.http), slack.OptionLog(silent))
	// The socket's requests wait for their turn, so that a timeout of the
	// whole request would count the waiting.
	paced := &http.Client{Transport: &pacer{next: transport, now: time.Now}}
	opener := slack.New(cfg.BotToken, slack.OptionAppLevelToken(cfg.AppToken), slack.OptionAPIURL(cfg.APIURL),
		slack.OptionHTTPClient(paced), slack.OptionLog(silent))
	// slack-go's default dialer keeps the proxy of the environment and a write
	// buffer that holds a whole frame, which one of our own would lose.
	s.dial = func() *socketmode.Client {
		return socketmode.New(opener, socketmode.OptionLog(silent), socketmode.OptionReadLimit(maxFrame))
	}
	s.sock = s.dial()
	return s, nil
}

func (c Config) check() error {
	switch {
	case strings.HasPrefix(c.BotToken, appPrefix) && strings.HasPrefix(c.AppToken, botPrefix):
		return errors.New("SLACK_BOT_TOKEN and SLACK_APP_TOKEN are swapped: the bot token begins with xoxb-, the app token with xapp-")
	case c.BotToken == "":
		return errors.New("SLACK_BOT_TOKEN is not set: copy the Bot User OAuth Token (xoxb-…) from the app's page OAuth & Permissions")
	case !strings.HasPrefix(c.BotToken, botPrefix):
		return errors.New("SLACK_BOT_TOKEN does not begin with xoxb-: copy the Bot User OAuth Token from the app's page OAuth & Permissions")
	case c.AppToken == "":
		return errors.New("SLACK_APP_TOKEN is not set: generate an app-level token (xapp-…) with the scope connections:write on the app's page Basic Information")
	case !strings.HasPrefix(c.AppToken, appPrefix):
		return errors.New("SLACK_APP_TOKEN does not begin with xapp-: generate an app-level token with the scope connections:write on the app's page Basic Information")
	case c.Channel == "":
		return errors.New("SLACK_CHANNEL_ID is not set: copy the id (C…) from the end of the channel's details in Slack")
	case !channelID.MatchString(c.Channel):
		return errors.New("SLACK_CHANNEL_ID is not a channel id: it begins with C or G and stands at the end of the channel's details; a name does not do")
	case len(c.Key) < 16:
		return errors.New("the MAC key of the cards has less than 16 bytes")
	}
	if c.APIURL == "" {
		return nil
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || !strings.HasSuffix(c.APIURL, "/") {
		return fmt.Errorf("the Slack API URL %q is not an http(s) address that ends with a slash", c.APIURL)
	}
	return nil
}

// Connected reports whether Slack has greeted the connection that is open now.
func (s *Slack) Connected() bool { return s.connected.Load() }

// Clicks are the presses. Each must be written down and then acknowledged.
func (s *Slack) Clicks() <-chan Click { return s.clicks }

// Commands are what people asked for and only the loop can answer: Why and
// Status. Help, and what was not understood, the package answers by itself.
func (s *Slack) Commands() <-chan Command { return s.commands }
