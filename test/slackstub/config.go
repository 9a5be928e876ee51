package slackstub

import "time"

// Config describes the workspace and how strictly time is kept. Its zero value
// is a seeded workspace on a free loopback port with Slack's documented limits.
type Config struct {
	// Addr is where to listen; it must be a loopback address.
	// Default: a free port of 127.0.0.1.
	Addr string
	// Seed decides which connection gets an envelope, and all identifiers.
	Seed int64
	// Clock defaults to WallClock.
	Clock Clock

	Users    []User    // default: SeedUsers
	Groups   []Group   // default: SeedGroups
	Channels []Channel // default: SeedChannels

	// Scopes of the bot token. Default: the minimum a countersigning bot needs.
	Scopes []string
	// Commands are the registered slash commands. Default: /countersign.
	Commands []string
	// BotEvents are the subscribed events. Default: mentions, sharing, uninstall and revocation.
	BotEvents []string
	// EventDelay holds app_mention and other events back, as Slack may.
	EventDelay time.Duration

	Limits  Limits
	Timings Timings

	// Oversize says what happens to a fragmented client frame or one of
	// 20,480 bytes and more. The zero value drops it silently.
	Oversize OversizeMode
	// Allow names problems that Close does not report; see Problem.Name.
	Allow []string
}

// Limits are the rate-limit buckets. Each bucket holds a burst and refills at
// Slack's documented rate.
type Limits struct {
	// Off removes the buckets; the RateLimit knob still works.
	Off bool
	// PostBurst is how many chat.postMessage calls a channel takes at once
	// before one a second applies. Default 5.
	PostBurst int
	// TierBurst is how many calls of a tiered method are taken at once.
	// Default: the tier's figure for a whole minute.
	TierBurst int
}

// Timings are Slack's intervals; zero fields take the documented value.
type Timings struct {
	Ping        time.Duration   // 5 s between server PINGs
	Ack         time.Duration   // 3 s to acknowledge an envelope
	EventRetry  []time.Duration // 0, 60 s, 300 s after a missed acknowledgement
	TicketTTL   time.Duration   // 30 s
	TriggerTTL  time.Duration   // 3 s
	ResponseTTL time.Duration   // 30 min
	// ConnectionLife is told in hello, in whole seconds; nothing is cut by it.
	ConnectionLife time.Duration // 1 h
}

// OversizeMode is what Slack does with a client frame that it will not take.
type OversizeMode int

// The two behaviours that clients have reported.
const (
	OversizeDrop OversizeMode = iota
	OversizeClose1009
)

// defaultScopes is what the shipped manifest asks for.
var defaultScopes = []string{
	"chat:write", "commands", "users:read", "usergroups:read",
	"app_mentions:read", "channels:read", "groups:read", "files:write", "im:write",
}

var defaultBotEvents = []string{
	"app_mention", "channel_shared", "channel_id_changed", "app_uninstalled", "tokens_revoked",
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Clock == nil {
		c.Clock = WallClock{}
	}
	if c.Users == nil {
		c.Users = SeedUsers()
	}
	if c.Groups == nil {
		c.Groups = SeedGroups()
	}
	if c.Channels == nil {
		c.Channels = SeedChannels()
	}
	if c.Scopes == nil {
		c.Scopes = defaultScopes
	}
	if c.Commands == nil {
		c.Commands = []string{"/countersign"}
	}
	if c.BotEvents == nil {
		c.BotEvents = defaultBotEvents
	}
	if c.Limits.PostBurst == 0 {
		c.Limits.PostBurst = 5
	}
	c.Timings = c.Timings.withDefaults()
	return c
}

func (t Timings) withDefaults() Timings {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.Ping, 5*time.Second)
	set(&t.Ack, 3*time.Second)
	set(&t.TicketTTL, 30*time.Second)
	set(&t.TriggerTTL, 3*time.Second)
	set(&t.ResponseTTL, 30*time.Minute)
	set(&t.ConnectionLife, time.Hour)
	if t.EventRetry == nil {
		t.EventRetry = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	return t
}
