package guards_test

// verdictGuards are those of what people say that an incident was, and of what is
// kept for a case.
var verdictGuards = []guard{
	{
		id: "verdict-no-vote", says: "A press for a verdict never stands among the votes", threat: rowSpoof, file: "internal/incident/apply_votes.go",
		out: "	if b.Verb == Judge {\n		return i.said(b)\n	}\n",
		in:  "",
		red: []string{"TestAVerdictAuthorisesNothing", "TestAVerdictThatWaitsHoldsUpNoVote"},
	},
	{
		id: "verdict-member", says: "Only a full member's verdict counts", threat: rowSpoof, file: "internal/respond/verdict.go",
		out: `case !who.Member:`,
		in:  `case false:`,
		red: []string{"TestAnyMemberSaysWhatItWasAndAGuestDoesNot"},
	},
	{
		id: "verdict-only", says: "After the end an incident takes verdicts and nothing else", threat: rowReplay, file: "internal/incident/verdict.go",
		out: `return b.Verb == Judge`,
		in:  `return true`,
		red: []string{"TestAfterTheEndPeopleMayStillSayWhatItWas"},
	},
	{
		id: "kept-hides", says: "What a name gives away is hidden in what is kept for a case", threat: rowSecrets, file: "internal/kube/save_hide.go",
		out: `value = v // under whatever name: that may have been hidden, too`,
		in:  `_ = v`,
		red: []string{"TestWhatIsSavedHoldsNoSecretAndReadsBackAsItWas"},
	},
}
