package guards_test

const steeringFile = "internal/app/steering.go"

// steeringGuards are those of what people steer, and of the settings.
var steeringGuards = []guard{
	{
		id: "widening-waits", says: "What widens is not in force before people agreed", threat: rowEdited, file: steeringFile,
		out: "	if i.Steered.Agree > 0 {\n		s.pending = &i\n		return nil\n	}\n",
		in:  "",
		red: []string{"TestWhatNarrowsIsInForceAtOnceAndWhatWidensWaitsForTwo", "TestAKeyThatNobodyAgreedToSignsNothing"},
	},
	{
		id: "adopted-is-wanted", says: "What was changed again since is not adopted", threat: rowEdited, file: steeringFile,
		out: `if s.pending == nil || s.pending.Steered.New != digest || s.wanted != digest {`,
		in:  `if s.pending == nil {`,
		red: []string{"TestWhatWasChangedSinceIsNotAdopted"},
	},
	{
		id: "adopted-survives", says: "A restart does not put into force what nobody agreed to", threat: rowEdited, file: steeringFile,
		out: `case i.Steered.Agree == 0 || i.Adopted != nil && i.Adopted.Failure.IsEmpty():`,
		in:  `case true:`,
		red: []string{"TestARestartKeepsWhatWasAdoptedAndNotWhatWasOnlyWritten"},
	},
	{
		id: "signers-agreed", says: "Another key of a signer needs agreement", threat: rowEdited, file: steeringFile,
		out: `wanted.signers.Beyond(now.signers)...) {`,
		in:  `[]string{}...) {`,
		red: []string{"TestAKeyThatNobodyAgreedToSignsNothing"},
	},
	{
		id: "fence-proven", says: "Wherever anything is offered the fence has to be proven first", threat: rowWall, file: "internal/app/doctor.go",
		out: `if s.Mode(namespace) != incident.ModeOff {`,
		in:  `if false && s.Mode(namespace) != incident.ModeOff {`,
		red: []string{"TestTheFenceIsProvenWhereverAnythingIsOffered"},
	},
	{
		id: "approver-ids", says: "An approver is a Slack id and nothing else", threat: rowSetting, file: "internal/app/settings.go",
		out: `if len(id) < 2 || !strings.ContainsRune("UWS", rune(id[0])) || strings.ToUpper(id) != id {`,
		in:  `if len(id) < 2 {`,
		red: []string{"TestAnApproverThatIsNoSlackIDIsRefused"},
	},
}
