package guards_test

const (
	gatePolicyFile = "internal/admission/gatejob.go"
	execPolicyFile = "internal/admission/executors.go"
	nsPolicyFile   = "internal/admission/execns.go"
)

// wallGuards are those of the generators of the wall, which the golden files
// show, and of what must not be taken for a wall. What each policy refuses on a
// real API server, and that it is missed when its object is deleted, is shown by
// internal/admission and internal/doctor.
var wallGuards = []guard{
	{
		id: "wall-subresources", says: "The policies match subresources as well", threat: rowDeputy, file: "internal/admission/policy.go",
		out: `Resources: []string{"*/*"}`,
		in:  `Resources: []string{"*"}`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-fails-closed", says: "A policy that fails refuses", threat: rowWall, file: "internal/admission/policy.go",
		out: `FailurePolicy: new(admissionv1.Fail)`,
		in:  `FailurePolicy: new(admissionv1.Ignore)`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-denies", says: "A binding denies and does not only warn", threat: rowWall, file: "internal/admission/policy.go",
		out: `[]admissionv1.ValidationAction{admissionv1.Deny}`,
		in:  `[]admissionv1.ValidationAction{admissionv1.Warn}`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-pod", says: "The gate's pod is the pinned one", threat: rowJobs, file: gatePolicyFile,
		out: `deny(ifJob("size(variables.movedPod) == 0"),`,
		in:  `deny(ifJob("true"),`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-job", says: "The gate's Job is the pinned one", threat: rowJobs, file: gatePolicyFile,
		out: `deny(ifJob("size(variables.movedJob) == 0"),`,
		in:  `deny(ifJob("true"),`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-gate-alone", says: "The gate creates Jobs and nothing else", threat: rowJobs, file: gatePolicyFile,
		out: `deny("variables.job || variables.own",`,
		in:  `deny("true",`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-pin", says: "A Job that a webhook changed is not pinned", threat: rowJobs, file: gatePolicyFile,
		out: `case len(pod.Containers) != 1 || len(pod.InitContainers) != 0 || len(pod.EphemeralContainers) != 0 || len(pod.Volumes) != 0:`,
		in:  `case false:`,
		red: []string{"TestAJobThatIsNotThePlainShapeIsNotPinned"},
	},
	{
		id: "wall-bound", says: "A pod changes the object whose UID its name carries", threat: rowDeputy, file: execPolicyFile,
		out: `deny("!variables.op || variables.bound",`,
		in:  `deny("true",`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-rehearsal", says: "A rehearsal's pod writes dry runs only", threat: rowRehearse, file: execPolicyFile,
		out: ` && (variables.pod.startsWith('cs-a-') || request.?dryRun.orValue(false))`,
		in:  ``,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-protected", says: "No executor changes anything in a protected namespace", threat: rowDeputy, file: execPolicyFile,
		out: `deny("!variables.op || !variables.protected",`,
		in:  `deny("true",`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-fields", says: "An account changes the fields of its kind", threat: rowDeputy, file: execPolicyFile,
		out: `deny("!variables.op || size(variables.moved) == 0",`,
		in:  `deny("true",`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-namespace", says: "The executor namespace is closed to everybody else", threat: rowJobs, file: nsPolicyFile,
		out: `deny("variables.what != 'pods' || request.operation != 'CREATE' || ("+onlyExecutor(job.image, kinds)+")",`,
		in:  `deny("true || ("+onlyExecutor(job.image, kinds)+")",`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "wall-settings", says: "Settings that weaken the wall install none", threat: rowSetting, file: "internal/admission/config.go",
		out: `case c.Watcher == c.Gate:`,
		in:  `case false:`,
		red: []string{"TestAConfigurationThatWeakensTheWallIsRefused"},
	},
	{
		id: "rbac-secrets", says: "The watcher reads no Secrets", threat: rowReads, file: "internal/admission/rbac.go",
		out: `"pods", "services", "endpoints", "events",`,
		in:  `"secrets", "pods", "services", "endpoints", "events",`,
		red: []string{"TestNoRoleReadsSecretsOrWritesWorkloadsButTheExecutors", "TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "rbac-control", says: "Executors only read the kill switch and the signers", threat: rowEdited, file: "internal/admission/rbac.go",
		out: `read := named(policyRule("", []string{"configmaps"}, "get"), action.SignersName, action.SwitchName)`,
		in:  `read := named(policyRule("", []string{"configmaps"}, "get", "update"), action.SignersName, action.SwitchName)`,
		red: []string{"TestManifestsAreTheGoldenOnes"},
	},
	{
		id: "network-executors", says: "An executor's pod reaches the API server and nothing else", threat: rowNetwork, file: "internal/admission/network.go",
		out: `c.networkPolicy("executors", c.ExecutorNamespace, metav1.LabelSelector{}, api)`,
		in:  `c.networkPolicy("executors", c.ExecutorNamespace, metav1.LabelSelector{}, outside)`,
		red: []string{"TestAnExecutorReachesTheAPIServerAndNothingReachesIt"},
	},
	{
		id: "network-metadata", says: "No role reaches where clouds hand out credentials", threat: rowNetwork, file: "internal/admission/network.go",
		out: `CIDR: "0.0.0.0/0", Except: []string{"169.254.0.0/16"}`,
		in:  `CIDR: "0.0.0.0/0"`,
		red: []string{"TestNoRoleReachesWhereCloudsHandOutCredentials"},
	},
	{
		id: "proof-open", says: "A probe that gets through proves that the fence is open", threat: rowWall, file: "internal/doctor/verdict.go",
		out: "		case remediate.ByPolicy:\n		case remediate.Open:\n			return",
		in:  "		case remediate.ByPolicy, remediate.Open:\n		case \"never\":\n			return",
		red: []string{"TestAProbeCountsOnlyIfThePolicyRefusedWhatItMust"},
	},
	{
		id: "proof-ours", says: "A probe counts only if the refusal is our policy's", threat: rowWall, file: "internal/doctor/verdict.go",
		out: "		case remediate.ByRBAC, remediate.ByOther:\n			return",
		in:  "		case remediate.ByRBAC, remediate.ByOther:\n		case \"never\":\n			return",
		red: []string{"TestAProbeCountsOnlyIfThePolicyRefusedWhatItMust"},
	},
	{
		id: "proof-lost-answers", says: "An API server that fails for long is a halt", threat: rowWall, file: "internal/doctor/state.go",
		out: `(!passing(err) || now.Sub(s.unsure) >= unsureFor)`,
		in:  `!passing(err)`,
		red: []string{"TestLostAnswersAreAHaltOnlyAfterAWhile"},
	},
	{
		id: "watcher-reads", says: "A watcher that may do more than read is told", threat: rowReads, file: "internal/doctor/watcher.go",
		out: `excess = append(excess, fmt.Errorf("the watcher's account may %s", try.what))`,
		in:  `told = true`,
		red: []string{"TestAWatcherThatMayDoMoreThanReadIsTold"},
	},
	{
		id: "proof-own-change", says: "A policy that refuses everything is no fence", threat: rowWall, file: "internal/doctor/verdict.go",
		out: `if met[remediate.OwnChange] != remediate.Open {`,
		in:  `if false {`,
		red: []string{"TestAProbeCountsOnlyIfThePolicyRefusedWhatItMust"},
	},
	{
		id: "proof-zero", says: "No proof is no permission", threat: rowWall, file: "internal/doctor/proof.go",
		out: `return p.wall != nil && len(p.faults) == 0 && p.fault == ""`,
		in:  `return len(p.faults) == 0 && p.fault == ""`,
		red: []string{"TestTheZeroProofIsNone", "TestHaltSaysOneSentenceAndTheSameWhileTheCauseStands"},
	},
	{
		id: "settings-unknown", says: "An unknown key of the settings is an error", threat: rowSetting, file: "internal/app/settings_read.go",
		out: `yaml.UnmarshalStrict(raw, &s)`,
		in:  `yaml.Unmarshal(raw, &s)`,
		red: []string{"TestABadSettingIsNamedWithItsRemedy"},
	},
	{
		id: "settings-checked", says: "Settings that make no sense are an error", threat: rowSetting, file: "internal/app/settings_read.go",
		out: `return s, s.check()`,
		in:  `return s, nil`,
		red: []string{"TestABadSettingIsNamedWithItsRemedy"},
	},
}
