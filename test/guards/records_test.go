package guards_test

const (
	launcherFile = "internal/jobs/launch.go"
	templateFile = "internal/jobs/template.go"
	chainFile    = "internal/audit/chain.go"
	verifyFile   = "internal/audit/verify.go"
)

// jobGuards are those between the order and its Job.
var jobGuards = []guard{
	{
		id: "job-same-order", says: "An existing Job counts only with the very same order", threat: rowReplay, file: launcherFile,
		out: `case orderOf(have) == "" || orderOf(have) != orderOf(want):`,
		in:  `case false:`,
		red: []string{"TestAJobOfThatNameWithAnotherOrderIsNoLaunch"},
	},
	{
		id: "job-clock", says: "Without the API server's time nothing is launched", threat: rowReplay, file: "internal/jobs/clock.go",
		out: `		return time.Time{}, 0, false
	}
	age`,
		in: `		return time.Now(), 0, true
	}
	age`,
		red: []string{"TestWithoutTheServersClockNothingIsLaunched"},
	},
	{
		id: "job-order-checked", says: "An order that its executor would refuse gets no Job", threat: rowDeputy, file: templateFile,
		out: `if signed.Execution != o.Execution || signed.Proposal != o.Proposal || signed.Incident != o.Incident {`,
		in:  `if false {`,
		red: []string{"TestAnOrderThatItsExecutorWouldRefuseGetsNoJob"},
	},
	{
		id: "job-image", says: "The executor's image is named by its digest", threat: rowJobs, file: templateFile,
		out: `case !imageByDigest.MatchString(t.Image):`,
		in:  `case false:`,
		red: []string{"TestATemplateThatLeavesAHoleIsRefused"},
	},
	{
		id: "job-once", says: "A Job does not try again by itself", threat: rowReplay, file: templateFile,
		out: `BackoffLimit:            new(int32(0)),`,
		in:  `BackoffLimit:            new(int32(6)),`,
		red: []string{"TestTheSampleIsTheGoldenShape"},
	},
	{
		id: "job-keeps-name", says: "A finished Job keeps its name longer than an order lives", threat: rowReplay, file: templateFile,
		out: `keepFinished = 120 * time.Second`,
		in:  `keepFinished = 1 * time.Second`,
		red: []string{"TestTheSampleIsTheGoldenShape"},
	},
	{
		id: "job-speaks", says: "A pod speaks for the Job that controls it and for no other", threat: rowDeputy, file: "internal/jobs/watched.go",
		out: ` && action.PodOf(owner.Name, o.Name) {`,
		in:  ` && action.PodOf("x", "x-aaaaa") {`,
		red: []string{"TestTheJobOfAPodIsItsControllerOnly"},
	},
}

// recordGuards are those of the store and of the audit log.
var recordGuards = []guard{
	{
		id: "store-swap", says: "The embedded store compares and swaps", threat: rowRace, file: "internal/store/file.go",
		out: `if s.index.version(records[0].Incident) != after || after == 0 {`,
		in:  `if after == 0 {`,
		red: []string{"TestAppendIsCompareAndSwapAllOrNothing"},
	},
	{
		id: "store-swap-redis", says: "The store in Redis compares and swaps", threat: rowRace, file: "internal/store/redis.go",
		out: "if have ~= tonumber(ARGV[1]) then return 'conflict' end\n",
		in:  "",
		red: []string{"TestAppendIsCompareAndSwapAllOrNothing"},
	},
	{
		id: "store-damage", says: "Damage in the store is an error", threat: rowForgets, file: "internal/store/file.go",
		out: `return fmt.Errorf("line %d is damaged: %w", n, err)`,
		in:  `continue`,
		red: []string{"TestDamageInTheMiddleIsAnErrorThatNamesTheLine"},
	},
	{
		id: "anchor", says: "The store is compared with the head in the cluster", threat: rowForgets, file: chainFile,
		out: `case !agrees:`,
		in:  `case false:`,
		red: []string{"TestCheckTellsAStoreThatForgot"},
	},
	{
		id: "anchor-signed", says: "The head in the cluster is signed", threat: rowForgets, file: chainFile,
		out: `case !signed:`,
		in:  `case false:`,
		red: []string{"TestCheckTellsAStoreThatForgot"},
	},
	{
		id: "anchor-gone", says: "A store with the gate's records and no head is one that lost its anchor", threat: rowForgets, file: chainFile,
		out: `case kept.Head.unwritten() && c.gate == 0:`,
		in:  `case kept.Head.unwritten():`,
		red: []string{"TestCheckTellsAStoreThatForgot"},
	},
	{
		id: "anchor-lag", says: "While the log cannot be anchored nothing is ordered", threat: rowForgets, file: chainFile,
		out: `case c.now().Sub(c.agreed) > MaxLag:`,
		in:  `case false:`,
		red: []string{"TestNoOrdersWhileTheLogCannotBeAnchored"},
	},
	{
		id: "anchor-compared", says: "Before store and anchor were compared nothing is ordered", threat: rowForgets, file: chainFile,
		out: "	case c.agreed.IsZero():\n		return NotCompared",
		in:  "	case false:\n		return NotCompared",
		red: []string{"TestNothingIsAnchoredBeforeLogAndAnchorWereCompared"},
	},
	{
		id: "anchor-forgotten", says: "A store that forgot halts the gate until a person has looked", threat: rowForgets, file: chainFile,
		out: `case c.lost != nil:`,
		in:  `case false:`,
		red: []string{"TestWhatTheStoreForgetsIsNoticedAtTheNextTick"},
	},
	{
		id: "spot-checks", says: "The running gate looks whether the records are still there", threat: rowForgets, file: "internal/audit/follow.go",
		out: `if err != nil || len(records) == 0 || sha256.Sum256(records[0].Raw) != end.sum {`,
		in:  `if false && len(records) == 0 && end.at == 0 {`,
		red: []string{"TestWhatTheStoreForgetsIsNoticedAtTheNextTick"},
	},
	{
		id: "audit-chain", says: "Each record of the log has the hash of its place", threat: rowAudit, file: verifyFile,
		out: `if !bytes.Equal(r.hash, v.want[:]) {`,
		in:  `if false {`,
		red: []string{"TestVerifyNamesEveryRecordThatIsNotInItsPlace"},
	},
	{
		id: "audit-place", says: "Each record of an incident follows the one before it", threat: rowAudit, file: verifyFile,
		out: `if h.version != was.version+1 || !bytes.Equal(h.prev, head) {`,
		in:  `if bytes.Equal(h.prev, []byte("x")) && head == nil {`,
		red: []string{"TestARecordOfAnIncidentMustFollowThatIncidentsLast"},
	},
	{
		id: "audit-head", says: "The head of an export is signed by a known key", threat: rowAudit, file: verifyFile,
		out: "	case !h.Valid(v.keys):\n		v.problem(\"the head's",
		in:  "	case false:\n		v.problem(\"the head's",
		red: []string{"TestAChainMadeAnewDoesNotFitTheHead"},
	},
	{
		id: "audit-head-covers", says: "The head vouches for these records and for no others", threat: rowAudit, file: verifyFile,
		out: `case h.Seq != v.seq || string(h.Hash) != string(v.hash):`,
		in:  `case false:`,
		red: []string{"TestAChainMadeAnewDoesNotFitTheHead"},
	},
	{
		id: "audit-behind-head", says: "What stands behind the head is not vouched for", threat: rowAudit, file: verifyFile,
		out: `if v.ended {`,
		in:  `if false {`,
		red: []string{"TestWithoutAHeadThatCoversItNothingIsCalledSigned"},
	},
	{
		id: "audit-anchor", says: "An export is compared with the head in the cluster", threat: rowAudit, file: verifyFile,
		out: `case string(v.at) != string(h.Hash):`,
		in:  `case false:`,
		red: []string{"TestAChainMadeAnewDoesNotFitTheHead"},
	},
}
