package guards_test

const (
	runFile    = "internal/remediate/run.go"
	changeFile = "internal/remediate/change.go"

	podFile  = "internal/remediate/pod.go"
	keysFile = "internal/remediate/control.go"
)

// executorGuards are those of the executor, which trusts nobody but the key.
var executorGuards = []guard{
	{
		id: "executor-signature", says: "The executor checks the order before it reads anything", threat: rowDeputy, file: readFile, pkg: "internal/remediate",
		out: `if !ed25519.Verify(key, message, o.Sig) {`,
		in:  `if false && !ed25519.Verify(key, message, o.Sig) {`,
		red: []string{"TestAnOrderForAnotherPodTimeOrKeyIsRefusedBeforeTheTargetIsRead"},
	},
	{
		id: "executor-time", says: "The executor refuses an order outside its time", threat: rowReplay, file: runFile,
		out: `order, err := action.VerifyOrder(text, cfg.Keys, now)`,
		in:  `order, err := action.ReadOrder(text, cfg.Keys)`,
		red: []string{"TestAnOrderForAnotherPodTimeOrKeyIsRefusedBeforeTheTargetIsRead"},
	},
	{
		id: "executor-pod", says: "The executor refuses the order of another Job", threat: rowDeputy, file: runFile,
		out: `if !action.PodOf(order.Execution, cfg.Pod) {`,
		in:  `if false {`,
		red: []string{"TestAnOrderForAnotherPodTimeOrKeyIsRefusedBeforeTheTargetIsRead"},
	},
	{
		id: "executor-protected", says: "The executor changes nothing in the namespaces that its arguments protect", threat: rowDeputy, file: runFile,
		out: `if order.Mode != action.Probe && slices.Contains(cfg.Protected, order.Terms.Action.Target.Namespace) {`,
		in:  `if false && slices.Contains(cfg.Protected, "") {`,
		red: []string{"TestAnOrderForAnotherPodTimeOrKeyIsRefusedBeforeTheTargetIsRead"},
	},
	{
		id: "executor-protected-label", says: "The executor changes nothing in a namespace with the label", threat: rowDeputy, file: runFile,
		out: `if r.live.namespace.GetLabels()[action.ProtectedLabel] == "true" {`,
		in:  `if false {`,
		red: []string{"TestWhatMovedBetweenRehearsalAndExecutionIsRefused"},
	},
	{
		id: "executor-uid", says: "The executor compares the UID with the live object's", threat: rowMoved, file: runFile,
		out: `if uid := string(r.live.object.GetUID()); uid != a.Target.UID {`,
		in:  `if uid := string(r.live.object.GetUID()); uid == "" {`,
		red: []string{"TestWhatMovedBetweenRehearsalAndExecutionIsRefused"},
	},
	{
		id: "executor-bound", says: "The executor compares the bound hash with the live object's", threat: rowMoved, file: runFile,
		out: `if r.order.Mode == action.Apply && before != a.Bound {`,
		in:  `if false {`,
		red: []string{"TestWhatMovedBetweenRehearsalAndExecutionIsRefused"},
	},
	{
		id: "patch-tests", says: "The patch itself tests UID and bound parts", threat: rowMoved, file: changeFile,
		out: `ops := append(guards(r.live.object.Object), change...)`,
		in:  `ops := change`,
		red: []string{"TestWhatMovesUnderTheExecutorsHandsIsRefused"},
	},
	{
		id: "delete-precondition", says: "A deletion has the UID for a precondition", threat: rowMoved, file: podFile,
		out: `err := r.remove(ctx, false, true)`,
		in:  `err := r.remove(ctx, false, false)`,
		red: []string{"TestWhatMovesUnderTheExecutorsHandsIsRefused"},
	},
	{
		id: "prediction", says: "An execution gives what its rehearsal predicted, or stops", threat: rowMoved, file: changeFile,
		out: "		if hash != r.order.After {\n			return refuse(CodePredictionChanged,",
		in:  "		if false {\n			return refuse(CodePredictionChanged,",
		red: []string{"TestThePredictionBindsTheExecution"},
	},
	{
		id: "rehearsal-dry", says: "A rehearsal is a dry run", threat: rowRehearse, file: changeFile,
		out: "	if dryRun {\n		opts.DryRun",
		in:  "	if false {\n		opts.DryRun",
		red: []string{"TestARehearsalTouchesNothingAndAnExecutionDoesWhatItShowed"},
	},
	{
		id: "rehearsal-ends", says: "A rehearsal ends before the write", threat: rowRehearse, file: changeFile,
		out: `if s := r.rehearse(ctx, ops); s != nil || r.order.Mode == action.Rehearse {`,
		in:  `if s := r.rehearse(ctx, ops); s != nil {`,
		red: []string{"TestARehearsalTouchesNothingAndAnExecutionDoesWhatItShowed"},
	},
	{
		id: "executor-wall", says: "The executor tries what the wall must refuse before it acts", threat: rowWall, file: changeFile,
		out: "	case refused.ours():\n		return nil\n	case err == nil:",
		in:  "	case true:\n		return nil\n	case err == nil:",
		red: []string{"TestWithoutTheWallNothingIsSent"},
	},
	{
		id: "write-once", says: "A write whose answer was lost is not sent again", threat: rowReplay, file: "internal/remediate/again.go",
		out: `if req.Method != http.MethodGet || req.Body != nil && req.Body != http.NoBody {`,
		in:  `if false {`,
		red: []string{"TestReadsAreAskedForAgainAndWritesAreSentOnce"},
	},
	{
		id: "executor-wall-ours", says: "Only a refusal by a policy of ours proves the wall", threat: rowWall, file: changeFile,
		out: "	case refused.ours():\n		return nil\n	case err == nil:",
		in:  "	case refused.ours(), err != nil:\n		return nil\n	case err == nil:",
		red: []string{"TestWithoutTheWallNothingIsSent"},
	},
	{
		id: "executor-switch", says: "The executor asks the kill switch before it looks at anything", threat: rowStop, file: runFile,
		out: `[]func(context.Context) *stop{r.notStopped, r.look, r.sameObject, r.countersigned} {`,
		in:  `[]func(context.Context) *stop{r.look, r.sameObject, r.countersigned} {`,
		red: []string{"TestTheKillSwitchStopsRehearsalsAndExecutionsBeforeAnythingIsTouched"},
	},
	{
		id: "executor-switch-again", says: "The executor asks the kill switch again right before its write", threat: rowStop, file: changeFile,
		out: "	if s := r.notStopped(ctx); s != nil {\n		return s\n	}\n",
		in:  "",
		red: []string{"TestASwitchThatIsSetWhileTheExecutorRunsStopsItsWrite"},
	},
	{
		id: "executor-switch-unread", says: "A kill switch that cannot be read is no permission", threat: rowStop, file: keysFile,
		out: "	if err != nil {\n		return r.couldNot(redact.Literal(\"read the kill switch\"), err)\n	}",
		in:  "	_ = err",
		red: []string{"TestASwitchThatCannotBeReadIsNoPermission"},
	},
	{
		id: "executor-second-factor", says: "The executor asks for a signature where the namespace does", threat: rowSecond, file: runFile,
		out: `r.look, r.sameObject, r.countersigned} {`,
		in:  `r.look, r.sameObject} {`,
		red: []string{"TestWhereANamespaceAsksForASignatureOnlyAGoodOneWillDo"},
	},
	{
		id: "executor-signature-good", says: "The executor verifies the signature with the keys of that moment", threat: rowSecond, file: keysFile,
		out: "		if err == nil {\n			return nil\n		}\n",
		in:  "		if true {\n			return nil\n		}\n",
		red: []string{"TestWhereANamespaceAsksForASignatureOnlyAGoodOneWillDo"},
	},
	{
		id: "executor-signers-read", says: "Allowed signers that cannot be read are nobody", threat: rowSecond, file: keysFile,
		out: "	case err != nil:\n		return r.couldNot(redact.Literal(\"read the allowed signers\"), err)",
		in:  "	case err != nil:\n		return nil",
		red: []string{"TestAllowedSignersThatCannotBeReadAreNobody"},
	},
	{
		id: "image-ran-before", says: "An image must have run in this workload before", threat: rowDeputy, file: "internal/remediate/plan.go",
		out: `if !p.Typed && !l.ranBefore(p.Container, p.To) {`,
		in:  `if false {`,
		red: []string{"TestAnActionThatDoesNotFitTheWorkloadIsRefused"},
	},
	{
		id: "pod-has-controller", says: "A pod that nothing would bring back is not deleted", threat: rowDeputy, file: podFile,
		out: `default:
		return refuse(CodeBarePod,`,
		in: `case "":
		return refuse(CodeBarePod,`,
		red: []string{"TestOnlyAManagedPodThatNoBudgetNeedsIsDeleted"},
	},
	{
		id: "executor-clock", says: "The API server's time is the executor's only clock", threat: rowReplay, file: runFile,
		out: `now, err := cfg.Clock.Ask(ctx)`,
		in:  `now, err := time.Now(), error(nil)`,
		red: []string{"TestTheServersTimeIsTheOnlyClock"},
	},
}
