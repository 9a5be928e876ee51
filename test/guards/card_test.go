package guards_test

const (
	sealFile    = "internal/chat/seal.go"
	formFile    = "internal/chat/sealform.go"
	submitFile  = "internal/chat/submit.go"
	clicksFile  = "internal/chat/clicks.go"
	profileFile = "internal/chat/profile.go"
	cardFile    = "internal/chat/approval.go"
	blocksFile  = "internal/chat/blocks.go"
)

// cardGuards are those of the card and of who presses on it.
var cardGuards = []guard{
	{
		id: "card-seal", says: "The buttons carry a MAC over the whole card", threat: rowToken, file: sealFile,
		out: `return err == nil && hmac.Equal([]byte(want), []byte(blockID))`,
		in:  `return err == nil && !hmac.Equal([]byte(want), nil)`,
		red: []string{"TestOnlyTheBlocksThatWerePostedAreGenuine", "TestASealIsOfOneKeyWorkspaceAndChannel"},
	},
	{
		id: "card-seal-place", says: "The MAC covers workspace and channel", threat: rowToken, file: sealFile,
		out: `json.Marshal([]string{s.team, s.channel})`,
		in:  `json.Marshal([]string{})`,
		red: []string{"TestASealIsOfOneKeyWorkspaceAndChannel"},
	},
	{
		id: "card-holds-button", says: "The pressed button is one of the sealed card's", threat: rowToken, file: sealFile,
		out: ` || !holds(blocks, blockID, actionID, value) {`,
		in:  ` || holds(nil, blockID, actionID, value) {`,
		red: []string{"TestASealIsOfOneKeyWorkspaceAndChannel"},
	},
	{
		id: "card-approval-exact", says: "The approval block is sealed word by word", threat: rowToken, file: "internal/chat/sealnormal.go",
		out: `case strings.HasPrefix(id, approvalName):`,
		in:  `case false && id == "":`,
		red: []string{"TestOnlyTheBlocksThatWerePostedAreGenuine"},
	},
	{
		id: "press-of-installation", says: "A press is of the workspace that installed us", threat: rowToken, file: clicksFile,
		out: ` || p.Channel.ID != p.Container.ChannelID || !ws.installed(p) {`,
		in:  ` || p.Channel.ID != p.Container.ChannelID {`,
		red: []string{"TestMalformedFramesDoNotEndTheLinkOrLoseAPress"},
	},
	{
		id: "press-named", says: "Copies of one press have one name, and two presses have two", threat: rowReplay, file: clicksFile,
		out: `a.ActionID, a.Value, a.ActionTS})`,
		in:  `a.ActionID, a.Value})`,
		red: []string{"TestTwoPressesHaveTwoNamesAndCopiesOfOneHaveOne"},
	},
	{
		id: "form-seal", says: "A form carries a MAC over its words and what it is for", threat: rowToken, file: formFile,
		out: `return err == nil && hmac.Equal([]byte(want), []byte(sealed))`,
		in:  `return err == nil && !hmac.Equal([]byte(want), nil)`,
		red: []string{"TestOnlyTheFormThatWasOpenedSentOffByItsOwnerIsGenuine"},
	},
	{
		id: "form-metadata", says: "The MAC of a form covers its metadata", threat: rowToken, file: formFile,
		out: `json.Marshal([]string{s.team, v.CallbackID, body})`,
		in:  `json.Marshal([]string{s.team, v.CallbackID})`,
		red: []string{"TestOnlyTheFormThatWasOpenedSentOffByItsOwnerIsGenuine"},
	},
	{
		id: "form-words", says: "The MAC of a form covers the words that a person reads", threat: rowToken, file: formFile,
		out: `mac.Write([]byte(words))`,
		in:  `_ = words`,
		red: []string{"TestOnlyTheFormThatWasOpenedSentOffByItsOwnerIsGenuine"},
	},
	{
		id: "form-owner", says: "A form counts for the person for whom it was opened", threat: rowSpoof, file: submitFile,
		out: ` || p.User.ID != m.User || p.User.TeamID != m.Team {`,
		in:  ` {`,
		red: []string{"TestOnlyTheFormThatWasOpenedSentOffByItsOwnerIsGenuine"},
	},
	{
		id: "whole-change", says: "A change that cannot be shown in full has no button", threat: rowWords, file: cardFile,
		out: `if a.runes > exactRunes {`,
		in:  `if false {`,
		red: []string{"TestAChangeThatCannotBeShownInFullHasNoButtonToApproveIt"},
	},
	{
		id: "hidden-parameter", says: "A change with a parameter that is hidden has no button", threat: rowWords, file: cardFile,
		out: `if text != s {`,
		in:  `if false {`,
		red: []string{"TestAChangeThatCannotBeShownInFullHasNoButtonToApproveIt"},
	},
	{
		id: "exact-letters", says: "The approval block has no letters that look like others", threat: rowWords, file: blocksFile, pkg: "test/guards",
		out: `case r >= ' ' && r < 0x7f && r != '\\', strings.ContainsRune(keep, r):`,
		in:  `case r >= ' ', strings.ContainsRune(keep, r):`,
		red: []string{"TestLettersThatLookLikeOthersStandOnTheCardAsWhatTheyAre"},
	},
	{
		id: "unmarked", says: "Plain text has none of Slack's markup", threat: rowMarkup, file: blocksFile,
		out: `return strings.NewReplacer("<", "‹", ">", "›", "&", "+").Replace(s)`,
		in:  `return strings.Clone(s)`,
		red: []string{"TestNoIncidentMakesACardThatSlackRefusesOrThatIsLive"},
	},
	{
		id: "identity-id", says: "Slack has to answer about the person who pressed", threat: rowSpoof, file: profileFile,
		out: `case u.ID != p.ID:`,
		in:  `case false:`,
		red: []string{"TestTheIdentityMatrixOfGroupsAndAnswers"},
	},
	{
		id: "identity-deleted", says: "A deactivated account does not count", threat: rowSpoof, file: profileFile,
		out: `case is(u.Deleted):`,
		in:  `case false:`,
		red: []string{"TestOnlyAFullActiveHumanMemberOfTheWorkspaceMayAct"},
	},
	{
		id: "identity-bot", says: "A bot does not count", threat: rowSpoof, file: profileFile,
		out: `case is(u.IsBot) || u.IsAppUser`,
		in:  `case u.IsAppUser`,
		red: []string{"TestTheIdentityMatrix"},
	},
	{
		id: "identity-stranger", says: "Who belongs to another organisation does not count", threat: rowSpoof, file: profileFile,
		out: `case u.IsStranger:`,
		in:  `case false:`,
		red: []string{"TestTheIdentityMatrix"},
	},
	{
		id: "identity-workspace", says: "Who belongs to another workspace does not count", threat: rowSpoof, file: profileFile,
		out: `case !ws.owns(u.TeamID, u.Enterprise.ID) || !ws.owns(p.Team, u.Enterprise.ID):`,
		in:  `case false:`,
		red: []string{"TestTheIdentityMatrix"},
	},
	{
		id: "identity-guest", says: "Guests do not count", threat: rowSpoof, file: profileFile,
		out: `case is(u.IsUltraRestricted) || is(u.IsRestricted):`,
		in:  `case false:`,
		red: []string{"TestTheIdentityMatrix"},
	},
	{
		id: "identity-unsaid", says: "What Slack does not say speaks for nobody", threat: rowUnknown, file: profileFile,
		out: `case u.Deleted == nil || u.IsBot == nil || u.IsRestricted == nil || u.IsUltraRestricted == nil:`,
		in:  `case false:`,
		red: []string{"TestTheIdentityMatrix"},
	},
	{
		id: "groups-answer", says: "A group that Slack does not answer for is no group", threat: rowUnknown, file: "internal/chat/people.go",
		out: `if id.Groups, err = s.groupsOf(ctx, p.ID); err != nil {`,
		in:  `if id.Groups, err = s.groupsOf(ctx, p.ID); false {`,
		red: []string{"TestTheIdentityMatrixOfGroupsAndAnswers"},
	},
	{
		id: "forgery-told", says: "A press on other words than ours raises the alarm", threat: rowToken, file: clicksFile,
		out: `r.rogue.forged(r.cfg.Now(), click) // it was ours but for its words`,
		in:  `_ = ws`,
		red: []string{"TestOnlyAPressOfOurInstallationOnOtherWordsRaisesTheAlarm"},
	},
}
