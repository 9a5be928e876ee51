package guards_test

const (
	steeringFile = "internal/app/steering.go"
	haltFile     = "internal/app/halt.go"
)

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
		red: []string{"TestWhatIsNoLongerInTheClusterIsNotAdopted"},
	},
	{
		id: "taken-back", says: "What was taken back in the cluster is not adopted", threat: rowEdited, file: steeringFile,
		out: ` || s.wanted != digest {`,
		in:  ` {`,
		red: []string{"TestWhatIsNoLongerInTheClusterIsNotAdopted"},
	},
	{
		id: "signature-at-the-door", says: "Only a good signature is written down as a press", threat: rowSecond, file: "internal/app/approvals.go",
		out: `if err := verify(cur.Proposed.Terms, s.Signature, a.now()); err != nil {`,
		in:  `if err := func() error { _ = verify; return nil }(); err != nil {`,
		red: []string{"TestWhatIsNoGoodSignatureIsRefusedAndWritesNothing"},
	},
	{
		id: "signed-offer-open", says: "What is not open is not signed", threat: rowSecond, file: "internal/app/approvals.go",
		out: `if cur == nil || !cur.Open() {`,
		in:  `if cur == nil {`,
		red: []string{"TestASignatureOnAnOfferThatLapsedIsRefused"},
	},
	{
		id: "halts-kill", says: "The kill switch halts the gate", threat: rowStop, file: haltFile,
		out: `cmp.Or(h.kill(), h.fence(), h.audit())`,
		in:  `cmp.Or(h.fence(), h.audit())`,
		red: []string{"TestEachReasonHaltsAndOnlyThoseOfAStartHold"},
	},
	{
		id: "halts-fence", says: "An unproven fence halts the gate", threat: rowWall, file: haltFile,
		out: `cmp.Or(h.kill(), h.fence(), h.audit())`,
		in:  `cmp.Or(h.kill(), h.audit())`,
		red: []string{"TestEachReasonHaltsAndOnlyThoseOfAStartHold"},
	},
	{
		id: "halts-audit", says: "A log that lags or has lost something halts the gate", threat: rowForgets, file: haltFile,
		out: `cmp.Or(h.kill(), h.fence(), h.audit())`,
		in:  `cmp.Or(h.kill(), h.fence())`,
		red: []string{"TestEachReasonHaltsAndOnlyThoseOfAStartHold"},
	},
	{
		id: "halt-fresh-read", says: "A switch that cannot be read at that moment is no permission", threat: rowStop, file: "internal/app/control.go",
		out: "	if err != nil {\n		return \"\", fmt.Errorf(\"read the kill switch: %w\", err)\n	}\n",
		in:  "	if err != nil {\n		return \"\", nil\n	}\n",
		red: []string{"TestBeforeAJobTheClusterItselfIsAskedForTheSwitch"},
	},
	{
		id: "cards-bounded", says: "A storm gets a bounded number of cards", threat: rowFatigue, file: "internal/respond/cards.go",
		out: `if len(c.given)+older < c.PerHour {`,
		in:  `if true {`,
		red: []string{"TestAStormIsABoundedNumberOfCardsAndNothingIsDropped", "TestTheOldestHaveTheirTurnFirstAndQuestionsHaveNone"},
	},
	{
		id: "signature-identifies", says: "While Slack is down only a good signature identifies", threat: rowSecond, file: judgeFile,
		out: ` && g.signed(i, click) == nil {`,
		in:  ` {`,
		red: []string{"TestASignedVoteCountsWhileSlackIsDownAndAPressWaits"},
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
