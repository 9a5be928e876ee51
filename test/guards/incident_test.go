package guards_test

const (
	applyFile = "internal/incident/apply_gate.go"
	votesFile = "internal/incident/apply_votes.go"
	eventFile = "internal/incident/event.go"
)

// incidentGuards are those of the records: what is believed at all.
var incidentGuards = []guard{
	{
		id: "seal", says: "Replay checks the seal of every event of the gate", threat: rowStore, file: eventFile,
		out: `case sealer != nil && !sealer.authentic(e, env):`,
		in:  `case false && !sealer.authentic(e, env):`,
		red: []string{"TestNothingIsAuthorisedByTamperedRecords", "TestReplaySetsForgedRecordsAsideWithAllThatRestsOnThem"},
	},
	{
		id: "seal-covers-event", says: "The seal is over the event's bytes", threat: rowStore, file: eventFile,
		out: `mac.Write(event)`,
		in:  `_ = event`,
		red: []string{"TestNothingIsAuthorisedByTamperedRecords"},
	},
	{
		id: "owner-read", says: "An event type that is read belongs to the role that says it", threat: rowStore, file: eventFile,
		out: `if owner, ok := owners[e.Type]; !ok || owner != e.Role {`,
		in:  `if _, ok := owners[e.Type]; !ok {`,
		red: []string{"TestNothingIsAuthorisedByTamperedRecords"},
	},
	{
		id: "owner-written", says: "A role writes events of its own types only", threat: rowStore, file: eventFile, pkg: "test/guards",
		out: `if owners[e.Type] != role {`,
		in:  `if owners[e.Type] == "" {`,
		red: []string{"TestARoleWritesEventsOfItsOwnTypes"},
	},
	{
		id: "chain", says: "An event carries the hash of its predecessor", threat: rowStore, file: eventFile,
		out: `case e.Version != i.Version+1 || e.Prev != i.Head:`,
		in:  `case e.Version != i.Version+1:`,
		red: []string{"TestNothingIsAuthorisedByTamperedRecords"},
	},
	{
		id: "known-head", says: "Records that were read once must still be there", threat: rowForgets, file: eventFile, pkg: "test/guards",
		out: `if len(records) == 0 || records[0].Hash() != i.Head {`,
		in:  `if len(records) == 0 {`,
		red: []string{"TestRecordsThatWereReadHaveToStayTheSame"},
	},
	{
		id: "record-one-spelling", says: "A record has one encoding", threat: rowStore, file: eventFile, pkg: "test/guards",
		out: `if again, err := json.Marshal(env); err != nil || !bytes.Equal(raw, again) {`,
		in:  `if again, err := json.Marshal(env); err != nil || bytes.Equal(again, nil) {`,
		red: []string{"TestARecordInAnotherSpellingIsNotBelieved"},
	},
	{
		id: "records-in-place", says: "Records in another incident's place are not trusted", threat: rowStore, file: "internal/respond/append.go",
		out: `if i.ID != "" && i.ID != id {`,
		in:  `if false {`,
		red: []string{"TestAnIncidentsRecordsInThePlaceOfAnothersAreNotTrusted"},
	},
	{
		id: "untrusted-stops", says: "An incident with a record that is not trusted is not worked on", threat: rowStore,
		file: "internal/respond/append.go",
		out:  `if len(bad) > 0 {`,
		in:   `if false && len(bad) > 0 {`,
		red:  []string{"TestUntrustedRecordsStopEverythingForThatIncidentOnly"},
	},
	{
		id: "distrust-told", says: "People are told when records are not to be trusted any more", threat: rowForgets, file: "internal/respond/respond.go",
		out: `		r.distrust(ctx, k, err)
`,
		in:  ``,
		red: []string{"TestRecordsThatWereRolledBackUnderARunningProcessAreNotTrusted"},
	},
	{
		id: "loss-told", says: "The channel is told of a loss that an operator accepted", threat: rowForgets, file: "internal/audit/chain.go",
		out: `	c.began = from // before log and anchor are said to agree
`,
		in:  ``,
		red: []string{"TestAnOperatorAcceptsTheStoreAsItIs"},
	},
	{
		id: "races", says: "Who loses a race decides anew on what the incident has become", threat: rowRace,
		file: "internal/respond/append.go",
		out:  `if !errors.Is(err, incident.ErrConflict) {`,
		in:   `if true || errors.Is(err, incident.ErrConflict) {`,
		red:  []string{"TestALostRaceIsTriedOnWhatTheIncidentHasBecome"},
	},
}

// stateGuards are those of the state machine: what may follow what.
var stateGuards = []guard{
	{
		id: "decision-before-order", says: "No order without a decision that allows", threat: rowRecords, file: applyFile, pkg: "test/guards",
		out: `if cur == nil || cur.Decided == nil || !cur.Decided.Decision.Allow || cur.Launched != nil || cur.Lapsed != "" {`,
		in:  `if cur == nil || cur.Launched != nil {`,
		red: []string{"TestAnApprovalGivesOneOrder"},
	},
	{
		id: "one-order", says: "An approval gives one order", threat: rowReplay, file: applyFile, pkg: "test/guards",
		out: `!cur.Decided.Decision.Allow || cur.Launched != nil || cur.Lapsed != "" {`,
		in:  `!cur.Decided.Decision.Allow || cur.Lapsed != "" {`,
		red: []string{"TestAnApprovalGivesOneOrder"},
	},
	{
		id: "job-name", says: "The order's Job has the name that the proposal gives it", threat: rowReplay, file: applyFile,
		out: `if err != nil || b.Job != want {`,
		in:  `if err != nil || want == "" {`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "quorum", says: "A decision that allows rests on as many votes as it says", threat: rowSpoof, file: applyFile,
		out: `case b.Decision.Allow && cur.counted() < b.Decision.Quorum && !b.Glass:`,
		in:  `case false && cur.counted() < b.Decision.Quorum && !b.Glass:`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "requester", says: "Who asked for a change or edited it does not count", threat: rowEdit, file: votesFile,
		out: `if a.Rehearsal.Requester.ID == "" || !v.Person.Is(a.Rehearsal.Requester) {`,
		in:  `if v.Verb == Approve {`,
		red: []string{"TestAnEditVoidsTheVotesAndItsEditorDoesNotCount"},
	},
	{
		id: "vote-has-click", says: "A vote needs a press that was written down", threat: rowSpoof, file: votesFile,
		out: `if !ok || c.Verb != b.Verb || c.Digest != b.Digest || !c.Person.Is(b.Person) || !sameSaid(c.Said, b.Said) {`,
		in:  `if ok && (c.Verb != b.Verb || c.Digest != b.Digest || !c.Person.Is(b.Person) || !sameSaid(c.Said, b.Said)) {`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "vote-is-its-press", says: "A vote is of the person, verb and digest of its press", threat: rowSpoof, file: votesFile, pkg: "test/guards",
		out: `if !ok || c.Verb != b.Verb || c.Digest != b.Digest || !c.Person.Is(b.Person) || !sameSaid(c.Said, b.Said) {`,
		in:  `if !ok || !sameSaid(c.Said, b.Said) {`,
		red: []string{"TestAVoteIsOfThePersonVerbAndDigestOfItsPress"},
	},
	{
		id: "vote-says-no-more", says: "A vote says no more than its press", threat: rowEdit, file: votesFile,
		out: ` || !sameSaid(c.Said, b.Said) {`,
		in:  ` {`,
		red: []string{"TestAVoteSaysNoMoreThanItsPress"},
	},
	{
		id: "one-vote", says: "One vote a person", threat: rowReplay, file: votesFile,
		out: "		default:\n			return fmt.Errorf(\"a second vote of the same person\")",
		in:  "		default:\n			_ = n",
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "click-once", says: "A press that was judged is not judged again", threat: rowReplay, file: votesFile, pkg: "test/guards",
		out: `if i.Answered[b.Click] {`,
		in:  `if false && i.Answered[b.Click] {`,
		red: []string{"TestAPressThatWasJudgedIsNotWrittenDownAgain"},
	},
	{
		id: "digest-recomputed", says: "The digest of a proposal is computed again from its terms", threat: rowMoved, file: applyFile,
		out: `case digest != b.Digest:`,
		in:  `case digest == "":`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "proposal-is-rehearsed", says: "The proposal has the UID and the bound hash that the rehearsal measured", threat: rowMoved, file: applyFile,
		out: `case b.Terms.Action.Bound != cur.Report.Before || b.Terms.Action.Target.UID != cur.Report.UID:`,
		in:  `case false:`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "proposal-allowed", says: "What policy does not let be proposed is not", threat: rowRego, file: applyFile,
		out: `case !b.Decision.Allow:`,
		in:  `case false:`,
		red: []string{"TestEventsThatTheStateDoesNotAllowAreRefused"},
	},
	{
		id: "edit-voids", says: "An edit takes the offer and its votes back", threat: rowEdit, file: votesFile,
		out: `cur.Lapsed = "edited"`,
		in:  `_ = cur`,
		red: []string{"TestAnEditVoidsTheVotesAndItsEditorDoesNotCount"},
	},
	{
		id: "glass-expires", says: "Broken glass is closed again after its time", threat: rowGlass, file: votesFile,
		out: `return i.Glass != nil && i.GlassUsed == "" && now.Before(i.Glass.ExpiresAt)`,
		in:  `return i.Glass != nil && i.GlassUsed == "" && !now.IsZero()`,
		red: []string{"TestGlassThatExpiredDecidesNothing"},
	},
	{
		id: "glass-once", says: "Broken glass lets one change pass", threat: rowGlass, file: votesFile,
		out: `return i.Glass != nil && i.GlassUsed == "" && now.Before(i.Glass.ExpiresAt)`,
		in:  `return i.Glass != nil && now.Before(i.Glass.ExpiresAt)`,
		red: []string{"TestBrokenGlassLetsOneDecisionPassCallsPeopleAndOwesAReview"},
	},
	{
		id: "glass-person", says: "Broken glass serves only who broke it", threat: rowGlass, file: applyFile,
		out: `case b.Glass && !slices.ContainsFunc(cur.Approvals(), func(v Voted) bool { return v.Person.Is(i.Glass.Person) }):`,
		in:  `case b.Glass && !slices.ContainsFunc(cur.Approvals(), func(v Voted) bool { return true }):`,
		red: []string{"TestGlassServesOnlyWhoBrokeIt"},
	},
	{
		id: "glass-review", says: "Who broke the glass does not review it", threat: rowGlass, file: votesFile,
		out: `case b.Person.Is(i.Glass.Person):`,
		in:  `case false:`,
		red: []string{"TestBrokenGlassLetsOneDecisionPassCallsPeopleAndOwesAReview"},
	},
	{
		id: "glass-owed", says: "While a review is owed the glass is not broken again", threat: rowGlass, file: votesFile,
		out: `case i.ReviewOwed():`,
		in:  `case false:`,
		red: []string{"TestBrokenGlassLetsOneDecisionPassCallsPeopleAndOwesAReview"},
	},
	{
		id: "adoption-agreed", says: "What widens is adopted only once enough people agreed", threat: rowEdited, file: applyFile,
		out: `if !i.Agreeing() {`,
		in:  `if false {`,
		red: []string{"TestAPolicyThatWidensWaitsForTwoPeopleAndIsAdoptedOnce"},
	},
	{
		id: "agreement-counts", says: "Two people have to agree, not one", threat: rowEdited, file: votesFile,
		out: `len(i.Agreed) >= i.Steered.Agree`,
		in:  `len(i.Agreed) >= 1`,
		red: []string{"TestAPolicyThatWidensWaitsForTwoPeopleAndIsAdoptedOnce"},
	},
	{
		id: "agreement-twice", says: "One person agrees once", threat: rowEdited, file: votesFile,
		out: `if p.Is(b.Person) {`,
		in:  `if false && p.Is(b.Person) {`,
		red: []string{"TestAPolicyThatWidensWaitsForTwoPeopleAndIsAdoptedOnce"},
	},
	{
		id: "rejection-ends", says: "What one person rejects is not adopted", threat: rowEdited, file: votesFile,
		out: `i.Rejected = &b.Person`,
		in:  `_ = i`,
		red: []string{"TestAPolicyThatOnePersonRejectsIsNotAdopted"},
	},
	{
		id: "halt-order", says: "A halt after the decision keeps the order back", threat: rowStop, file: "internal/incident/due.go",
		out: "		if d.rules.Halted() != \"\" {\n			d.add(Act, DoLapse, LapsedHalted)",
		in:  "		if false {\n			d.add(Act, DoLapse, LapsedHalted)",
		red: []string{"TestAHaltAfterTheDecisionKeepsTheOrderBack"},
	},
	{
		id: "halt-offer", says: "A halt takes the offer back", threat: rowStop, file: "internal/incident/due.go",
		out: "	case d.rules.Halted() != \"\":\n		why = LapsedHalted",
		in:  "	case false:\n		why = LapsedHalted",
		red: []string{"TestAHaltTakesTheOfferBackSaysSoOnceAndIsOverWhenItEnds"},
	},
	{
		id: "policy-lapses", says: "Another policy takes the offer back", threat: rowPolicy, file: "internal/incident/due.go",
		out: `case d.rules.policy() != "" && cur.Proposed.Terms.Policy != d.rules.policy():`,
		in:  `case false:`,
		red: []string{"TestAnotherPolicyVoidsTheOfferAndTheFindingIsPlannedUnderIt"},
	},
	{
		id: "offer-expires", says: "An offer expires", threat: rowMoved, file: "internal/incident/due.go",
		out: `case !d.now.Before(cur.Proposed.Terms.ExpiresAt):`,
		in:  `case false:`,
		red: []string{"TestAnOfferLapsesWhenItExpiresClearsOrIsSuperseded"},
	},
}
