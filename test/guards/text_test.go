package guards_test

const (
	textFile  = "internal/redact/text.go"
	judgesLLM = "internal/llm/judge.go"
	proseFile = "internal/llm/prose.go"
	guardFile = "internal/llm/guard.go"
)

// textGuards are those of foreign text and of the model. That text which nobody
// redacted does not compile is shown by redact's TestUnsanitizedTextDoesNotCompile,
// which has lines that must compile.
var textGuards = []guard{
	{
		id: "decode-redacts", says: "Decoding a text redacts it again", threat: rowSecrets, file: textFile,
		out: "	if err := json.Unmarshal(b, &s); err != nil {\n		return fmt.Errorf(\"decode redacted text: %w\", err)\n	}\n	*t = settle(s)",
		in:  "	if err := json.Unmarshal(b, &s); err != nil {\n		return fmt.Errorf(\"decode redacted text: %w\", err)\n	}\n	*t = Text{s}",
		red: []string{"TestDecodingCannotForgeAText"},
	},
	{
		id: "compose-redacts", says: "Text that is put together is redacted as a whole", threat: rowSecrets, file: textFile,
		out: `return settle(fmt.Sprintf(string(format), values...))`,
		in:  `return Text{fmt.Sprintf(string(format), values...)}`,
		red: []string{"TestCompositionStaysRedacted"},
	},
	{
		id: "invisible", says: "Characters that nobody sees are taken out", threat: rowMarkup, file: "internal/redact/clean.go",
		out: `case c < ' ' || c == 0x7f || isInvisible(c):`,
		in:  `case c < ' ' || c == 0x7f:`,
		red: []string{"TestNamesOfAttackersComeOutAsHarmlessText"},
	},
	{
		id: "placeholders-unforged", says: "Nobody else writes our placeholders", threat: rowSecrets, file: "internal/redact/clean.go",
		out: "	case c == '⟨':\n		return \"‹\"\n",
		in:  "",
		red: []string{"TestSecretsAreHiddenWhereverTheyStand"},
	},
	{
		id: "model-guard", says: "What leaves for the model is looked at a second time", threat: rowSecrets, file: guardFile,
		out: `if g.secretIn(body) {`,
		in:  `if false && g.secretIn(body) {`,
		red: []string{"TestTheGuardStopsWhatTheTypesDidNot"},
	},
	{
		id: "model-redirects", says: "The model's client follows no redirect", threat: rowSecrets, file: guardFile,
		out: `CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },`,
		in:  ``,
		red: []string{"TestRedirectsAreNotFollowed"},
	},
	{
		id: "model-quotes", says: "What the model quotes stands in the evidence word for word", threat: rowModel, file: judgesLLM,
		out: `if quote == "" || !strings.Contains(text, quote) {`,
		in:  `if quote == "" {`,
		red: []string{"TestWhatDoesNotHoldUpIsDropped"},
	},
	{
		id: "model-cites", says: "A claim without a citation that holds is dropped", threat: rowModel, file: judgesLLM,
		out: ` || !said || len(h.Cites) == 0 {`,
		in:  ` || !said {`,
		red: []string{"TestWhatDoesNotHoldUpIsDropped"},
	},
	{
		id: "model-candidate", says: "The model picks among the candidates that are there", threat: rowModel, file: judgesLLM,
		out: `if i < 0 || i >= len(c.diagnosis.Candidates) {`,
		in:  `if i < 0 {`,
		red: []string{"TestAModelNeverPicksAFixWhereNoneIsOffered", "TestAHostileModelGetsNothingPastTheJudge"},
	},
	{
		id: "model-owner-graph", says: "The model names objects of the owner graph only", threat: rowModel, file: judgesLLM,
		out: `if !known || !found || !said`,
		in:  `if !known || !found && false || !said`,
		red: []string{"TestWhatDoesNotHoldUpIsDropped", "TestAHostileModelGetsNothingPastTheJudge"},
	},
	{
		id: "model-vocabulary", says: "The model names causes of the vocabulary only", threat: rowModel, file: judgesLLM,
		out: `if !known || !found || !said`,
		in:  `if !known && false || !found || !said`,
		red: []string{"TestWhatDoesNotHoldUpIsDropped", "TestAHostileModelGetsNothingPastTheJudge"},
	},
	{
		id: "model-novel", says: "A cause outside the catalogue brings no fix", threat: rowModel, file: judgesLLM,
		out: `		h.Candidate = -1 // a cause that`,
		in:  `		// a cause that`,
		red: []string{"TestANovelCauseBringsNoFix", "TestAHostileModelGetsNothingPastTheJudge"},
	},
	{
		id: "model-asks", says: "The model asks for what is in the closed list only", threat: rowModel, file: "internal/llm/ask.go",
		out: `if !slices.Contains(incident.Asks(), q.Ask) {`,
		in:  `if false && !slices.Contains(incident.Asks(), q.Ask) {`,
		red: []string{"TestQuestionsOutsideTheListAreNotPut", "TestAHostileModelAsksNothingOutsideTheCase"},
	},
	{
		id: "model-case", says: "Only objects of the case are read for the model", threat: rowModel, file: "internal/watch/ask.go",
		out: `ref, ok := f.member(q.Object)`,
		in:  `ref, ok := q.Object, true`,
		red: []string{"TestAModelReadsNothingElse"},
	},
	{
		id: "model-links", says: "Links of the model are taken out", threat: rowMarkup, file: proseFile,
		out: `s = link.ReplaceAllString(s, "")`,
		in:  `s = strings.Clone(s)`,
		red: []string{"TestProseIsMadeFitForPeople"},
	},
	{
		id: "model-commands", says: "Words of the model that hold a command are refused", threat: rowModel, file: proseFile,
		out: ` || commanded.MatchString(next) {`,
		in:  ` {`,
		red: []string{"TestWhatDoesNotHoldUpIsDropped"},
	},
}
