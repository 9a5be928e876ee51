package guards_test

const (
	orderFile   = "internal/action/order.go"
	readFile    = "internal/action/order_verify.go"
	termsFile   = "internal/action/terms.go"
	signFile    = "internal/action/signature.go"
	signersFile = "internal/action/signers.go"
)

// orderGuards are those of what is signed and in which bytes.
var orderGuards = []guard{
	{
		id: "digest-policy", says: "The digest covers the policy", threat: rowPolicy, file: termsFile,
		out: `raw, err := json.Marshal(t)`,
		in:  "t.Policy = \"\"\n	raw, err := json.Marshal(t)",
		red: []string{"TestDigestsAndOrdersKeepTheirBytes"},
	},
	{
		id: "digest-expiry", says: "The digest covers the expiry", threat: rowMoved, file: termsFile,
		out: `raw, err := json.Marshal(t)`,
		in:  "t.ExpiresAt = time.Time{}\n	raw, err := json.Marshal(t)",
		red: []string{"TestDigestsAndOrdersKeepTheirBytes"},
	},
	{
		id: "digest-uid", says: "The digest covers the target's UID", threat: rowMoved, file: termsFile,
		out: `raw, err := json.Marshal(t)`,
		in:  "t.Action.Target.UID = \"\"\n	raw, err := json.Marshal(t)",
		red: []string{"TestDigestsAndOrdersKeepTheirBytes"},
	},
	{
		id: "digest-bound", says: "The digest covers the hash of what the action depends on", threat: rowMoved, file: termsFile,
		out: `raw, err := json.Marshal(t)`,
		in:  "t.Action.Bound = \"\"\n	raw, err := json.Marshal(t)",
		red: []string{"TestDigestsAndOrdersKeepTheirBytes"},
	},
	{
		id: "terms-one-spelling", says: "Terms have one encoding", threat: rowWords, file: termsFile,
		out: `if !bytes.Equal(raw, again) {`,
		in:  `if bytes.Equal(raw, nil) && again == nil {`,
		red: []string{"FuzzParseTerms"},
	},
	{
		id: "order-signature", says: "An order is signed by the gate", threat: rowDeputy, file: readFile,
		out: `if !ed25519.Verify(key, message, o.Sig) {`,
		in:  `if false && !ed25519.Verify(key, message, o.Sig) {`,
		red: []string{"TestAnOrderIsRefusedWhicheverOfItsFieldsIsChanged", "TestAnOrderIsTrustedOnlyThroughAKeyThatThisExecutorKnows"},
	},
	{
		id: "order-expiry", says: "An order expires", threat: rowReplay, file: readFile,
		out: `case !now.Before(o.ExpiresAt):`,
		in:  `case false:`,
		red: []string{"TestAnOrderHasItsTimeAndNoOther"},
	},
	{
		id: "order-not-too-long", says: "An order that lives longer than a Job keeps its name is none", threat: rowReplay, file: readFile,
		out: `case o.ExpiresAt.After(now.Add(OrderLife + ClockSlack)):`,
		in:  `case false:`,
		red: []string{"TestAnOrderHasItsTimeAndNoOther"},
	},
	{
		id: "order-clock", says: "A clock that nobody set refuses every order", threat: rowReplay, file: readFile,
		out: "	switch {\n	case now.IsZero():",
		in:  "	if now.IsZero() {\n		return nil\n	}\n	switch {\n	case false:",
		red: []string{"TestAnOrderHasItsTimeAndNoOther"},
	},
	{
		id: "order-one-spelling", says: "An order has one encoding", threat: rowReplay, file: readFile,
		out: `if again, err := json.Marshal(o); err != nil || !bytes.Equal(raw, again) {`,
		in:  `if again, err := json.Marshal(o); err != nil || bytes.Equal(again, nil) {`,
		red: []string{"TestOneOrderHasOneSpelling"},
	},
	{
		id: "order-digest", says: "An order's digest is that of its terms", threat: rowMoved, file: orderFile, pkg: "test/guards",
		out: `case digest != o.Proposal:`,
		in:  `case digest == "":`,
		red: []string{"TestAnOrderThatTheGatesKeySignedAgainstTheRulesIsRefused"},
	},
	{
		id: "order-decided", says: "An execution needs a policy decision", threat: rowRecords, file: orderFile,
		out: `case o.Mode == Apply && !o.Decision.Valid():`,
		in:  `case false:`,
		red: []string{"TestTheSignerRefusesWhatTheVerifierWould"},
	},
	{
		id: "order-bound", says: "An execution needs a bound hash", threat: rowMoved, file: orderFile, pkg: "test/guards",
		out: `case o.Mode == Apply && !o.Terms.Action.Bound.Valid():`,
		in:  `case false:`,
		red: []string{"TestAnOrderThatTheGatesKeySignedAgainstTheRulesIsRefused"},
	},
	{
		id: "order-outlives", says: "An order does not outlive its approval", threat: rowReplay, file: orderFile,
		out: `case o.Mode == Apply && o.ExpiresAt.After(o.Terms.ExpiresAt.Add(OrderLife)):`,
		in:  `case false:`,
		red: []string{"TestTheSignerRefusesWhatTheVerifierWould"},
	},
	{
		id: "order-name", says: "A Job's name says mode, target and digest of its order", threat: rowDeputy, file: orderFile,
		out: `return checkJobName(o.Execution, o)`,
		in:  `return nil`,
		red: []string{"TestTheSignerRefusesWhatTheVerifierWould"},
	},
	{
		id: "names-valid", says: "Names of objects are names", threat: rowNames, file: "internal/action/validate.go",
		out: `if err := a.Target.validTarget(); err != nil {`,
		in:  `if err := a.Target.validTarget(); err != nil && false {`,
		red: []string{"TestAnActionOutOfFormIsInvalid"},
	},
	{
		id: "images-valid", says: "Images are image references", threat: rowNames, file: "internal/action/validate.go",
		out: `case !imagePattern.MatchString(p.To):`,
		in:  `case false:`,
		red: []string{"TestAnActionOutOfFormIsInvalid"},
	},
	{
		id: "signature", says: "A signature outside Slack is over exactly these terms", threat: rowSecond, file: signFile,
		out: `parsed.HashAlgorithm, namespace); err != nil {`,
		in:  `parsed.HashAlgorithm, namespace); err != nil && false {`,
		red: []string{"TestASignatureThatProvesNothingDoesNotCount"},
	},
	{
		id: "rejection-apart", says: "A signature that rejects approves nothing", threat: rowSecond, file: signFile,
		out: `RejectionNamespace = "countersign-rejection"`,
		in:  `RejectionNamespace = SignatureNamespace`,
		red: []string{"TestARejectionApprovesNothingAndAnApprovalRejectsNothing"},
	},
	{
		id: "signature-key", says: "A signature is by a key that the allowed signers give to its signer", threat: rowSecond, file: signersFile,
		out: `if sameKey(e.key, key) {`,
		in:  `if true {`,
		red: []string{"TestASignatureThatProvesNothingDoesNotCount"},
	},
	{
		id: "signature-valid-then", says: "A key counts within its time and for what it is allowed for", threat: rowSecond, file: signFile,
		out: `if err := entry.usable(now, namespace); err != nil {`,
		in:  `if err := entry.usable(now, namespace); err != nil && false {`,
		red: []string{"TestASignatureThatProvesNothingDoesNotCount"},
	},
	{
		id: "signature-clock", says: "Without the time no signature counts", threat: rowSecond, file: signFile,
		out: `if now.IsZero() {`,
		in:  `if false {`,
		red: []string{"TestASignatureThatProvesNothingDoesNotCount"},
	},
	{
		id: "signer-approved", says: "Who signed is one of the order's approvers", threat: rowSecond, file: orderFile, pkg: "test/guards",
		out: `case !slices.Contains(o.Approvers(), s.Signer):`,
		in:  `case slices.Contains([]string{}, s.Signer):`,
		red: []string{"TestAnOrderThatTheGatesKeySignedAgainstTheRulesIsRefused"},
	},
	{
		id: "weak-keys", says: "Keys that prove nothing any more do not count", threat: rowSecond, file: signFile,
		out: `pub.N.BitLen() >= minRSA {`,
		in:  `pub.N.BitLen() >= 1 {`,
		red: []string{"TestKeysThatNoLongerProveAnythingAreRefused"},
	},
	{
		id: "switch-unknown", says: "A kill switch in a state that nobody knows is thrown", threat: rowStop, file: "internal/action/control.go",
		out: `data[switchState] != switchRun, By:`,
		in:  `data[switchState] == switchStop, By:`,
		red: []string{"TestOnlyAnUnusedSwitchOrOneThatSaysRunLetsExecutorsAct"},
	},
}
