package guards_test

const (
	judgeFile  = "internal/respond/judge.go"
	standFile  = "internal/respond/standing.go"
	launchFile = "internal/respond/execute.go"
	steerFile  = "internal/respond/steer.go"
	helmFile   = "internal/respond/helm.go"
	intakeFile = "internal/respond/intake.go"
)

// gateGuards are those of the gate's steps.
var gateGuards = []guard{
	{
		id: "genuine", says: "A press counts only from the card as we posted it", threat: rowToken, file: standFile,
		out: `!click.Genuine || click.Channel != card.Channel || click.Message != card.TS {`,
		in:  `click.Channel != card.Channel || click.Message != card.TS {`,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "genuine-channel", says: "A press counts only in the card's channel", threat: rowToken, file: standFile,
		out: ` || click.Channel != card.Channel || `,
		in:  ` || `,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "genuine-message", says: "A press counts only on the card's message", threat: rowToken, file: standFile,
		out: ` || click.Message != card.TS {`,
		in:  ` {`,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "press-policy", says: "A press under another policy than the offer's does not count", threat: rowPolicy, file: standFile,
		out: `case cur.Proposed.Terms.Policy != g.Policy.Digest():`,
		in:  `case false:`,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "press-in-time", says: "A press after the expiry does not count", threat: rowMoved, file: standFile,
		out: `case !click.PressedAt.Before(cur.Proposed.Terms.ExpiresAt), !now.Before(cur.Proposed.Terms.ExpiresAt):`,
		in:  `case !now.Before(cur.Proposed.Terms.ExpiresAt):`,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "judged-in-time", says: "A press in time that is judged too late does not count", threat: rowMoved, file: standFile,
		out: `case !click.PressedAt.Before(cur.Proposed.Terms.ExpiresAt), !now.Before(cur.Proposed.Terms.ExpiresAt):`,
		in:  `case !click.PressedAt.Before(cur.Proposed.Terms.ExpiresAt):`,
		red: []string{"TestAPressThatDoesNotCountIsAnsweredInOneSentenceAndChangesNothing"},
	},
	{
		id: "member", says: "Only a full member's press counts", threat: rowSpoof, file: judgeFile,
		out: `if refusal.IsEmpty() && !who.Member {`,
		in:  `if false && !who.Member {`,
		red: []string{"TestAnyMemberMayTakeOverByHandOnceAndAGuestMayNot"},
	},
	{
		id: "asked-who", says: "Where Slack does not say who pressed, nothing happens", threat: rowUnknown, file: judgeFile,
		out: "	if err != nil {\n		return nil, fmt.Errorf(\"ask Slack who pressed: %w\", err)\n	}",
		in:  "	_ = err",
		red: []string{"TestWhenItCannotBeToldWhoOrWhetherNothingHappensAndThePressWaits"},
	},
	{
		id: "asked-history", says: "Where the log does not say what was executed lately, nothing happens", threat: rowUnknown, file: judgeFile,
		out: "	if in.History, err = g.History(ctx); err != nil {",
		in:  "	if in.History, err = g.History(ctx); false {",
		red: []string{"TestWhenItCannotBeToldWhoOrWhetherNothingHappensAndThePressWaits"},
	},
	{
		id: "press-asked", says: "Policy is asked about every press", threat: rowSpoof, file: judgeFile,
		out: "	if !d.Allow {\n		return g.refuse(ctx, click, redact.Join(\"; \", d.Reasons...))\n	}\n	if click.Verb == incident.Approve && d.PolicyDigest",
		in:  "	if click.Verb == incident.Approve && d.PolicyDigest",
		red: []string{"TestAnEmptyApproverListMeansNobody"},
	},
	{
		id: "vote-counted", says: "Who has voted is told so, and counts once", threat: rowReplay, file: standFile,
		out: `if v.Person.Is(click.Person) && (click.Signature == nil || v.Signature != nil) {`,
		in:  `if v.Person.Is(click.Person) && false {`,
		red: []string{"TestAQuorumOfTwoNeedsTwoPeople"},
	},
	{
		id: "decided-once", says: "What was decided is not decided again", threat: rowReplay, file: standFile,
		out: `case cur.Decided != nil || cur.Launched != nil:`,
		in:  `case false:`,
		red: []string{"TestAQuorumOfTwoNeedsTwoPeople"},
	},
	{
		id: "edit-valid", says: "What a form brings is the same kind of change, in form", threat: rowEdit, file: standFile,
		out: `if err := edited.Validate(); err != nil {`,
		in:  `if err := edited.Validate(); err != nil && false {`,
		red: []string{"TestAnEditThatMakesNoSenseIsAnsweredAndTheOfferStands"},
	},
	{
		id: "edit-only-value", says: "An edit changes the new value and nothing else", threat: rowEdit, file: standFile,
		out: `	if same {`,
		in:  `	if same || true {`,
		red: []string{"TestAnEditThatMakesNoSenseIsAnsweredAndTheOfferStands"},
	},
	{
		id: "edit-rehearsed", says: "Who edited a change is written down as who asked for it", threat: rowEdit, file: "internal/respond/gate.go",
		out: `Basis: before.Basis, Edited: true, Requester: e.Person,`,
		in:  `Basis: before.Basis, Edited: true,`,
		red: []string{"TestAnEditIsRehearsedOfferedUnderItsOwnDigestAndNeedsSomebodyElse"},
	},
	{
		id: "halt-press", says: "No press but a rejection counts during a halt", threat: rowStop, file: standFile,
		out: `if why := g.Rules.Halted(); why != "" && click.Verb != incident.Reject {`,
		in:  `if why := g.Rules.Halted(); false {`,
		red: []string{"TestDuringAHaltNothingIsOfferedOrderedOrCreated"},
	},
	{
		id: "halt-plan", says: "Nothing is rehearsed during a halt", threat: rowStop, file: "internal/respond/gate.go",
		out: `if why := g.Rules.Halted(); why != "" {`,
		in:  `if why := g.Rules.Halted(); false {`,
		red: []string{"TestDuringAHaltNothingIsOfferedOrderedOrCreated"},
	},
	{
		id: "halt-job", says: "No Job is created during a halt that is known", threat: rowStop, file: launchFile,
		out: `halt := g.Rules.Halted()`,
		in:  `halt := ""`,
		red: []string{"TestAnOrderThatMeetsAHaltIsNotLaunchedAndIsSettledByItsExpiry"},
	},
	{
		id: "halt-job-fresh", says: "The cluster is asked for the kill switch before each Job", threat: rowStop, file: launchFile,
		out: `if halt, err = g.Fresh(ctx); err != nil {`,
		in:  `if _, err = g.Fresh(ctx); err != nil {`,
		red: []string{"TestAnOrderThatMeetsAHaltIsNotLaunchedAndIsSettledByItsExpiry"},
	},
	{
		id: "halt-unknown", says: "A kill switch that cannot be read keeps Jobs back", threat: rowStop, file: launchFile,
		out: `if halt, err = g.Fresh(ctx); err != nil {`,
		in:  `if halt, err = g.Fresh(ctx); false {`,
		red: []string{"TestWhenTheSwitchCannotBeReadNoJobIsCreated"},
	},
	{
		id: "order-in-time", says: "No order is signed once its approval has expired", threat: rowMoved, file: launchFile,
		out: `if !clock.Before(cur.Proposed.Terms.ExpiresAt) {`,
		in:  `if false {`,
		red: []string{"TestAnOrderIsNotSignedOnceItsApprovalHasExpired"},
	},
	{
		id: "order-not-repeated", says: "An order is not launched again after its expiry", threat: rowReplay, file: launchFile,
		out: `if !clock.Before(expires) {`,
		in:  `if clock.IsZero() {`,
		red: []string{"TestAnOrderWhoseJobIsGoneIsLaunchedAgainUntilItExpires"},
	},
	{
		id: "undo-unchanged", says: "An undo is refused where the object was changed since", threat: rowMoved, file: launchFile,
		out: `a.Executed.Report.After == cur.Report.Before`,
		in:  `a.Executed.Report.Before != cur.Report.After+"x"`,
		red: []string{"TestAnUndoOfAnObjectThatSomebodyChangedSinceIsWithheld"},
	},
	{
		id: "offer-asked-again", says: "Policy is asked again with what the rehearsal saw", threat: rowRego, file: "internal/respond/gate.go",
		out: "	if !d.Allow {\n		return []incident.Body{&incident.Withheld{Attempt: cur.N, Basis: cur.Basis,",
		in:  "	if false {\n		return []incident.Body{&incident.Withheld{Attempt: cur.N, Basis: cur.Basis,",
		red: []string{"TestWhatTheRehearsalSawIsAskedAboutAgainBeforeTheOffer"},
	},
	{
		id: "vouched-before-ack", says: "A press is acknowledged only once the anchor vouches for it", threat: rowLostVote, file: intakeFile,
		out: `if err := r.cfg.Vouch(limited); err != nil {`,
		in:  `if err := error(nil); err != nil {`,
		red: []string{"TestAPressThatCouldBeLostUnnoticedIsNotAcknowledged"},
	},
	{
		id: "vouched-signature", says: "A signature is accepted only once the anchor vouches for it", threat: rowLostVote, file: "internal/app/approvals.go",
		out: `if err := a.vouch(r.Context()); err != nil {`,
		in:  `if err := error(nil); err != nil {`,
		red: []string{"TestASignatureThatCouldBeLostUnnoticedIsNotAccepted"},
	},
	{
		id: "vouch-waits", says: "The log vouches once the anchor holds what was appended", threat: rowLostVote, file: "internal/audit/vouch.go",
		out: `case err := <-v.done:`,
		in:  `case err := <-func() chan error { c := make(chan error, 1); c <- nil; return c }():`,
		red: []string{"TestVouchWaitsForTheAnchorAndNotForTheNextTick"},
	},
	{
		id: "written-before-ack", says: "A press is acknowledged only once it is written down", threat: rowLostVote, file: intakeFile,
		out: "	if err := r.Append(limited, c.Incident, &c.Clicked); err != nil && !r.has(limited, c) {\n		r.cfg.Log.Error(\"a press could not be written down\", \"incident\", c.Incident, \"err\", err)\n		return\n	}",
		in:  "	_ = r.Append(limited, c.Incident, &c.Clicked)",
		red: []string{"TestAPressThatIsNotWrittenDownWithinASecondIsNotAcknowledged"},
	},
	{
		id: "typed-by-a-person", says: "Only a person names an image that never ran", threat: rowEdit, file: "internal/respond/gate.go",
		out: `p != nil && p.Typed {`,
		in:  `p != nil && false {`,
		red: []string{"TestACandidateThatSaysItWasTypedIsWithheldAndNeverRehearsed"},
	},
	{
		id: "one-policy-a-press", says: "A press is judged by the policy it was offered under", threat: rowPolicy, file: judgeFile,
		out: `if click.Verb == incident.Approve && d.PolicyDigest != cur.Proposed.Terms.Policy {`,
		in:  `if false {`,
		red: []string{"TestAPolicyThatIsReplacedWhileAPressIsJudgedLetsItNotCount"},
	},
	{
		id: "forms-genuine", says: "Only our own card opens a form", threat: rowToken, file: intakeFile,
		out: `case c.Clicked.Genuine && asksFirst(i, c.Clicked):`,
		in:  `case asksFirst(i, c.Clicked):`,
		red: []string{"TestAButtonThatNeedsToKnowMoreOpensItsFormAndWritesNothing"},
	},
	{
		id: "steer-asked", says: "Policy says who may steer", threat: rowStop, file: helmFile,
		out: `case !d.Allow:`,
		in:  `case false:`,
		red: []string{"TestAnyMemberStopsAndOnlyAnApproverResumes"},
	},
	{
		id: "glass-not-spent", says: "Glass is not used up by what would have passed anyway", threat: rowGlass, file: judgeFile,
		out: `Decision: d, Glass: !without.Allow}}, nil`,
		in:  `Decision: d, Glass: without.Allow || true}}, nil`,
		red: []string{"TestGlassIsNotUsedUpByWhatWouldHavePassedWithoutIt"},
	},
	{
		id: "agreement-asked", says: "Policy says whose agreement counts", threat: rowEdited, file: steerFile,
		out: "	if !d.Allow {\n		return g.refuse(",
		in:  "	if false {\n		return g.refuse(",
		red: []string{"TestWhatWidensIsAdoptedAfterTwoApproversAgreed"},
	},
	{
		id: "panics", says: "A panic is an error of its step", threat: rowDefect, file: "internal/respond/respond.go",
		out: `if p := recover(); p != nil {`,
		in:  `if p := any(nil); p != nil {`,
		red: []string{"TestAPanicIsContainedAndTheStepIsTriedAgain"},
	},
}
