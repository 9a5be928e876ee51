package guards_test

const (
	regoFile   = "policies/countersign.rego"
	policyPkg  = "internal/policy"
	engineFile = "internal/policy/policy.go"
	answerFile = "internal/policy/answer.go"
	widensFile = "internal/policy/widens.go"
)

// policyGuards are the lines of the built-in policy, and what holds every policy
// to an answer. The tests of internal/policy ask the policy as it is embedded.
var policyGuards = []guard{
	{
		id: "rego-stage", says: "A question of no known stage is denied", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `not object.get(input, "stage", "") in {"propose", "approve", "execute", "steer"}`,
		in:  `false`,
		red: []string{"TestAQuestionOfNoStageIsDenied"},
	},
	{
		id: "rego-whole", says: "An incomplete question is denied", threat: rowRego, file: regoFile, pkg: "test/guards",
		out: `is not what it should be" if not whole`,
		in:  `is not what it should be" if false`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-mode", says: "Where the mode is off nothing is changed", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `not object.get(input, "mode", "") in {"propose", "approve"}`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-propose", says: "Where fixes are only proposed nothing is executed", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `input.mode != "approve"`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-protected", says: "Protected namespaces stay as they are", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `[target.namespace]) if target.namespace in settings.protected`,
		in:  `[target.namespace]) if target.namespace == ""`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-protected-label", says: "Namespaces with the label stay as they are", threat: rowRego, file: regoFile, pkg: "test/guards",
		out: `labels["countersign.dev/protected"] == "true"`,
		in:  `false`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-kind", says: "Only kinds that are enabled are changed", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `not kind_enabled`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-managed", says: "What GitOps or an operator owns is left to them", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `input.facts.managedBy != ""`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-measured", says: "Confidence that nobody measured offers nothing", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `not input.confidence.measured`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-floor", says: "Confidence below the floor offers nothing", threat: rowRego, file: regoFile, pkg: policyPkg,
		out: `not sure_enough`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-radius", says: "A change does not replace more pods than allowed", threat: rowFatigue, file: regoFile, pkg: "test/guards",
		out: `not small_enough`,
		in:  `false`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-freeze", says: "A freeze holds", threat: rowRego, file: regoFile, pkg: "test/guards",
		out: `obstacles contains why if some why in frozen`,
		in: `obstacles contains why if {
	some why in frozen
	why == ""
}`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-quota", says: "The hour's quota of changes holds", threat: rowFatigue, file: regoFile, pkg: policyPkg,
		out: `not within_quota`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-nobody", says: "An empty list of approvers is nobody", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `	count(approvers) == 0`,
		in:  `	false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-member", says: "Policy asks for a full member as well", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `not input.voter.member`,
		in:  `false`,
		red: []string{"TestWhosePressCounts"},
	},
	{
		id: "rego-listed", says: "Only those on the list press", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `not listed(approvers)`,
		in:  `false`,
		red: []string{"TestWhosePressCounts", "TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-tier", says: "A risk may have approvers of its own", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `not listed(tier)`,
		in:  `false; tier`,
		red: []string{"TestWhosePressCounts"},
	},
	{
		id: "rego-team", says: "A team without a list has nobody", threat: rowSpoof, file: regoFile, pkg: "test/guards",
		out: `object.get(settings.teamApprovers, team, [])`,
		in:  `object.get(settings.teamApprovers, team, object.get(settings.approvers, "*", []))`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-self", says: "Nobody approves what they asked for", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `input.voter.person.id == input.requester.id`,
		in:  `false`,
		red: []string{"TestWhosePressCounts", "TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-requester", says: "The vote of who asked for the change is not counted", threat: rowEdit, file: regoFile, pkg: policyPkg,
		out: `	person.id != input.requester.id`,
		in:  `	person.id != ""`,
		red: []string{"TestHowManyMustAgree"},
	},
	{
		id: "rego-quorum", says: "As many people as the quorum says have to agree", threat: rowSpoof, file: regoFile, pkg: policyPkg,
		out: `count(votes) < quorum`,
		in:  `false`,
		red: []string{"TestHowManyMustAgree"},
	},
	{
		id: "rego-cut-diff", says: "A diff that does not fit needs two people", threat: rowWords, file: regoFile, pkg: "test/guards",
		out: `else := max([2, by_risk]) if {`,
		in:  `else := by_risk if {`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-signature", says: "Where the namespace asks for a signature a press is not enough", threat: rowSecond, file: regoFile, pkg: policyPkg,
		out: `labels["countersign.dev/require-signature"] == "true"`,
		in:  `false`,
		red: []string{"TestHowManyMustAgree"},
	},
	{
		id: "rego-signer", says: "The signature has to be that of one whose vote counts", threat: rowSecond, file: regoFile, pkg: policyPkg,
		out: `	some id in votes
	id in input.signed`,
		in:  `	count(input.signed) > 0`,
		red: []string{"TestHowManyMustAgree"},
	},
	{
		id: "rego-reason", says: "Where settings ask for a reason an approval without one does not count", threat: rowRego, file: regoFile, pkg: "test/guards",
		out: `	approving
	not breaking_glass
	trim_space(input.reason) == ""`,
		in: `	approving
	false`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-rehearsed", says: "What was not rehearsed is not executed", threat: rowMoved, file: regoFile, pkg: policyPkg,
		out: `not input.rehearsed`,
		in:  `false`,
		red: []string{"TestDecideAnswersAtEveryStage"},
	},
	{
		id: "rego-breaker", says: "Only those on the list break the glass", threat: rowGlass, file: regoFile, pkg: policyPkg,
		out: `input.glass.person.id in settings.breakGlass`,
		in:  `input.glass.person.id != ""`,
		red: []string{"TestWhosePressCounts"},
	},
	{
		id: "rego-glass-reason", says: "Broken glass needs a reason", threat: rowGlass, file: regoFile, pkg: "test/guards",
		out: `	input.verb == "break-glass"
	trim_space(input.reason) == ""`,
		in:  `	false`,
		red: []string{"TestTheTestsBesideThePolicyHoldForTheOneThatIsBuiltIn"},
	},
	{
		id: "rego-own-glass", says: "Broken glass lets nobody else press", threat: rowGlass, file: regoFile, pkg: policyPkg,
		out: `same_person(input.voter.person, input.glass.person)`,
		in:  `true`,
		red: []string{"TestWhosePressCounts"},
	},
	{
		id: "rego-review", says: "Policy too keeps who broke the glass from reviewing it", threat: rowGlass, file: regoFile, pkg: policyPkg,
		out: `	reviewing
	input.voter.person.id == input.glass.person.id`,
		in: `	reviewing
	false`,
		red: []string{"TestWhosePressCounts"},
	},
	{
		id: "answer-undefined", says: "A policy that answers nothing is an error", threat: rowRego, file: engineFile,
		out: `if len(results) != 1 || len(results[0].Expressions) != 1 {`,
		in:  `if len(results) == 0 { return incident.Decision{Allow: true, Quorum: 1}, nil } else if len(results[0].Expressions) != 1 {`,
		red: []string{"TestWhatIsNoDecisionIsAnError"},
	},
	{
		id: "answer-quorum", says: "A policy that allows without anybody's vote is an error", threat: rowRego, file: answerFile,
		out: `case d.Allow && d.Quorum < 1:`,
		in:  `case false:`,
		red: []string{"TestWhatIsNoDecisionIsAnError"},
	},
	{
		id: "answer-reasons", says: "A policy that allows and says why not is an error", threat: rowRego, file: answerFile,
		out: `case d.Allow && len(reasons) > 0:`,
		in:  `case false:`,
		red: []string{"TestWhatIsNoDecisionIsAnError"},
	},
	{
		id: "answer-form", says: "A field of another type is an error", threat: rowRego, file: answerFile,
		out: `case r.err != nil:`,
		in:  `case false:`,
		red: []string{"TestWhatIsNoDecisionIsAnError"},
	},
	{
		id: "policy-pure", says: "A policy cannot ask the network, the clock or chance", threat: rowRego, file: engineFile,
		out: `rego.UnsafeBuiltins(impure()),`,
		in:  `rego.UnsafeBuiltins(nil),`,
		red: []string{"TestThePolicyIsAFunctionOfItsInput"},
	},
	{
		id: "policy-last-good", says: "A bad policy leaves the last good one in force", threat: rowRego, file: "internal/policy/live.go",
		out: `		err = e.Check(ctx)
	}
	if err != nil {`,
		in: `		_ = e.Check(ctx)
	}
	if err != nil {`,
		red: []string{"TestABadPolicyLeavesTheLastGoodOneInForce"},
	},
	{
		id: "policy-digest", says: "The policy's digest covers settings and source", threat: rowPolicy, file: engineFile,
		out: `append(append([]byte("countersign/policy/v1\n"), raw...), source...))`,
		in:  `append([]byte("countersign/policy/v1\n"), source...))`,
		red: []string{"TestDigestsNameThePolicyTheSettingsAndTheQuestion"},
	},
	{
		id: "widens-approvers", says: "Who becomes an approver is said, and agreed to", threat: rowEdited, file: widensFile,
		out: `w.approvers(old, now)`,
		in:  `_ = now`,
		red: []string{"TestWhatMakesItEasierIsSaidInASentence"},
	},
	{
		id: "widens-source", says: "Another policy is one that widens", threat: rowEdited, file: widensFile,
		out: `if oldSource != newSource {`,
		in:  `if false {`,
		red: []string{"TestWhatMakesItEasierIsSaidInASentence"},
	},
	{
		id: "widens-quorum", says: "A smaller quorum is one that widens", threat: rowEdited, file: widensFile,
		out: `after < before {`,
		in:  `after < before-9 {`,
		red: []string{"TestWhatMakesItEasierIsSaidInASentence"},
	},
}
