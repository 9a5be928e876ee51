package slackstub

// Identifiers of the seeded workspace. They are fixed so that a story can name
// them; none of them exists anywhere else.
const (
	TeamID         = "T0000ACME"
	TeamDomain     = "acme"
	ExternalTeamID = "T0000VEND"
	AppID          = "A0000CSIGN"
	BotUserID      = "U0000SIGNB"
	BotID          = "B0000SIGNB"

	Alice = "U0000ALICE" // approver, in the group
	Bob   = "U00000BOB0" // approver, in the group
	Carol = "U0000CAROL" // full member, approves nothing
	Gus   = "U00000GUS0" // single-channel guest
	Dora  = "U0000DORA0" // deactivated
	Robo  = "U0000ROBO0" // another app's bot
	Xena  = "U0000XENA0" // external, from a Slack Connect organisation

	ApproverGroup = "S0000ONCALL"

	ChannelAlerts  = "C0000ALERT" // the bot and everybody
	ChannelGeneral = "C00GENERAL" // the bot is not a member
	ChannelShared  = "C0000SHARE" // Slack Connect, with the external user
	ChannelPrivate = "C0000SREPR" // private, approvers and the bot
)

// User is a person or bot of the workspace.
type User struct {
	ID, TeamID            string
	Name, RealName, Email string
	IsBot, Deleted        bool
	IsRestricted          bool // multi-channel guest
	IsUltraRestricted     bool // single-channel guest
	IsStranger            bool // external, no shared channel with the caller
	IsAdmin               bool
	Title                 string
	BotUser               bool // the app under test
	// Extra are fields that users.info answers besides or instead; nil takes
	// one away.
	Extra map[string]any

	Color string
}

// Group is a user group.
type Group struct {
	ID, Handle, Name string
	Users            []string
	Disabled         bool
}

// Channel is a conversation. Topic is shown by the page only.
type Channel struct {
	ID, Name, Topic string
	Members         []string
	IsPrivate       bool
	IsIM            bool
	IsExtShared     bool
	IsArchived      bool
}

// SeedUsers returns two approvers, one plain member, a guest, a deactivated
// user, a foreign bot, an external user and the app's own bot user.
func SeedUsers() []User {
	return []User{
		{ID: Alice, TeamID: TeamID, Name: "alice", RealName: "Alice Moreau", Email: "alice@acme.example", Title: "Approver, SRE", IsAdmin: true, Color: "9f3d6b"},
		{ID: Bob, TeamID: TeamID, Name: "bob", RealName: "Bob Adeyemi", Email: "bob@acme.example", Title: "Approver, SRE", Color: "2b6cb0"},
		{ID: Carol, TeamID: TeamID, Name: "carol", RealName: "Carol Nguyen", Email: "carol@acme.example", Title: "Developer, not an approver", Color: "2f855a"},
		{ID: Gus, TeamID: TeamID, Name: "gus", RealName: "Gus Guest", Email: "gus@contractor.example", Title: "Single-channel guest", IsRestricted: true, IsUltraRestricted: true, Color: "b7791f"},
		{ID: Dora, TeamID: TeamID, Name: "dora", RealName: "Dora Former", Email: "dora@acme.example", Title: "Deactivated", Deleted: true, Color: "718096"},
		{ID: Robo, TeamID: TeamID, Name: "robo", RealName: "Robo Bot", Title: "Bot of another app", IsBot: true, Color: "553c9a"},
		{ID: Xena, TeamID: ExternalTeamID, Name: "xena", RealName: "Xena Vendor", Email: "xena@vendor.example", Title: "External, Slack Connect", Color: "c05621"},
		{ID: BotUserID, TeamID: TeamID, Name: "countersign", RealName: "Countersign", IsBot: true, BotUser: true, Color: "1f2937"},
	}
}

// SeedGroups returns the approver group.
func SeedGroups() []Group {
	return []Group{{ID: ApproverGroup, Handle: "oncall-approvers", Name: "On-call approvers", Users: []string{Alice, Bob}}}
}

// SeedChannels returns an alerts channel, one without the bot, a Slack Connect
// channel and a private one.
func SeedChannels() []Channel {
	return []Channel{
		{ID: ChannelAlerts, Name: "alerts", Topic: "What broke, and who may fix it", Members: []string{Alice, Bob, Carol, Gus, Dora, Robo, BotUserID}},
		{ID: ChannelGeneral, Name: "general", Topic: "Everybody, but not the bot", Members: []string{Alice, Bob, Carol, Dora}},
		{ID: ChannelShared, Name: "vendor-shared", Topic: "Slack Connect with Vendor Inc.", IsExtShared: true, Members: []string{Alice, Bob, Xena, BotUserID}},
		{ID: ChannelPrivate, Name: "sre-private", Topic: "Approvers only", IsPrivate: true, Members: []string{Alice, Bob, BotUserID}},
	}
}
