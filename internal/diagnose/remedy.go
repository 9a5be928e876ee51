package diagnose

import (
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// offering is a way to make a candidate action. The zero value offers nothing.
type offering int

const (
	offerPod      offering = iota + 1 // replace the one bad pod among good ones
	offerImage                        // go back to an image that ran
	offerMemory                       // raise the memory limit
	offerRollback                     // go back to a revision that was well
	offerRestart                      // start every pod afresh
)

// trace is a kind of change that may have brought a fault.
type trace uint8

const (
	traceFields trace = 1 << iota // the rollout, where it touched the named fields of the failing container
	traceSpec                     // the rollout, whatever it touched
	traceConfig                   // what was written to the ConfigMaps and Secrets that the container reads
	traceRoot                     // what was written to the root object
	traceRoom                     // what asks for more room: replicas and autoscalers
	traceNodes                    // cordons, taints and labels of nodes
)

// remedy is what can be done about one cause.
type remedy struct {
	// offers are tried in this order; each has preconditions of its own, and
	// offers nothing where they do not hold.
	offers []offering
	// people says why a person must act where nothing is offered.
	people redact.Text
	// traces are the changes that may have brought the fault. fields are those of
	// a container for traceFields; "probe" is the probe that fails.
	traces trace
	fields []string
}

// remedyOf is the row of a cause. A cause without a row has the zero remedy,
// which offers nothing.
func remedyOf(c incident.Cause) remedy {
	for _, table := range []map[incident.Cause]remedy{startRemedies, runRemedies, placeRemedies, refusalRemedies, neighbourRemedies, controlRemedies} {
		if r, ok := table[c]; ok {
			return r
		}
	}
	return remedy{}
}

// Words that several rows share.
var (
	noEarlier = redact.Literal("no earlier state of it that was well is known, so that only its manifest can be changed")
	ownCode   = redact.Literal("only its own code explains the failure, and no change of its manifest is to blame")
	elsewhere = redact.Literal("the cause lies outside of this workload: a change here would not remove it")
	nodeWork  = redact.Literal("a node has to be looked at: nothing that its pods could be given would mend it")
	manifest  = redact.Literal("what it asks for and what the cluster has must be matched by who knows why it asks")
	wrongFile = redact.Literal("the right text is not known here: somebody who knows it must write it")
	identity  = redact.Literal("who may do what, and with which credentials, is for people to decide")
)

// The fields of a container that a change of its behaviour may come from.
var (
	program  = []string{"image", "command", "env"}
	probing  = []string{"probe", "image", "command", "env"}
	spending = []string{"image", "command", "env", "resources"}
)

// startRemedies are those of containers that do not come to run.
var startRemedies = map[incident.Cause]remedy{
	incident.ImageNotFound:            {offers: []offering{offerImage, offerRollback}, people: noEarlier, traces: traceFields, fields: []string{"image"}},
	incident.ImageNameInvalid:         {offers: []offering{offerImage, offerRollback}, people: noEarlier, traces: traceFields, fields: []string{"image"}},
	incident.ImageNeverPulled:         {offers: []offering{offerImage, offerRollback}, people: noEarlier, traces: traceFields, fields: []string{"image"}},
	incident.ImagePlatformMismatch:    {offers: []offering{offerImage, offerRollback}, people: noEarlier, traces: traceFields, fields: []string{"image", "command"}},
	incident.ImageRegistryUnreachable: {offers: []offering{offerImage, offerRollback}, people: redact.Literal("the registry must answer again, or its name be corrected; another image of the same registry would not be pulled either"), traces: traceFields, fields: []string{"image"}},
	incident.ImagePullUnauthorized:    {offers: []offering{offerImage, offerRollback}, people: redact.Literal("the pull secret, or the name of the image, must be put right; the registry refuses its other images as well"), traces: traceFields | traceConfig, fields: []string{"image"}},
	incident.ImagePullRateLimited:     {people: redact.Literal("the registry's limit passes by itself, or wants an account of one's own; pulling again makes it worse")},
	incident.RunAsNonRootViolation:    {offers: []offering{offerImage, offerRollback}, people: noEarlier, traces: traceFields | traceSpec, fields: []string{"image"}},
	incident.CommandNotFound:          {offers: []offering{offerRollback}, people: noEarlier, traces: traceFields, fields: program},
	incident.ConfigMapMissing:         {offers: []offering{offerRollback}, people: redact.Literal("the ConfigMap must be created by who knows what belongs in it"), traces: traceSpec},
	incident.ConfigMapKeyMissing:      {offers: []offering{offerRollback}, people: redact.Literal("the key must be added by who knows its text, or its name be corrected"), traces: traceSpec | traceRoot},
	incident.SecretMissing:            {offers: []offering{offerRollback}, people: redact.Literal("the Secret must be created by who has its values"), traces: traceSpec},
	incident.SecretKeyMissing:         {offers: []offering{offerRollback}, people: redact.Literal("the key must be added by who has its value, or its name be corrected"), traces: traceSpec | traceRoot},
	incident.EnvVarMissing:            {offers: []offering{offerRollback}, people: redact.Literal("which value the variable must have is not known here"), traces: traceFields | traceConfig, fields: program},
	incident.EnvShadowed:              {people: redact.Literal("which of the two values was meant is not known here"), traces: traceFields | traceConfig, fields: []string{"env"}},
	incident.ConfigInvalid:            {people: wrongFile, traces: traceRoot | traceConfig | traceFields, fields: []string{"image", "command"}},
	incident.InitContainerFailed:      {offers: []offering{offerRollback}, people: ownCode, traces: traceFields | traceConfig, fields: program},
	incident.InitContainerWaiting:     {people: elsewhere, traces: traceFields | traceRoot, fields: program},
	incident.LifecycleHookFailed:      {people: redact.Literal("the hook is a command of its author's; a rollback does not touch hooks"), traces: traceSpec},
	incident.VolumeMountFailed:        {people: redact.Literal("a volume must be released, or its definition be corrected, by who knows whose data it holds"), traces: traceSpec},
	incident.PodSandboxFailed:         {people: nodeWork, traces: traceNodes},
}

// runRemedies are those of containers that end or do not answer.
var runRemedies = map[incident.Cause]remedy{
	incident.AppError:                   {offers: []offering{offerPod, offerRollback}, people: ownCode, traces: traceFields | traceConfig, fields: program},
	incident.OOMKilled:                  {offers: []offering{offerMemory, offerRollback}, people: redact.Literal("its limit cannot be raised further here; what uses the memory must be found"), traces: traceFields | traceConfig, fields: spending},
	incident.MemoryLeak:                 {people: redact.Literal("a higher limit or a restart only delays the next kill; the leak must be found"), traces: traceFields, fields: program},
	incident.LivenessProbeFailing:       {offers: []offering{offerPod, offerRollback, offerRestart}, people: ownCode, traces: traceFields | traceConfig, fields: probing},
	incident.ReadinessProbeFailing:      {offers: []offering{offerPod, offerRollback, offerRestart}, people: ownCode, traces: traceFields | traceConfig, fields: probing},
	incident.StartupProbeFailing:        {offers: []offering{offerPod, offerRollback}, people: ownCode, traces: traceFields | traceConfig, fields: probing},
	incident.ProbeMisconfigured:         {offers: []offering{offerRollback}, people: redact.Literal("the probe must be corrected in the manifest; no earlier revision had a right one"), traces: traceFields, fields: probing},
	incident.FilesystemPermissionDenied: {people: redact.Literal("where it may write, and as whom, is a decision about its security"), traces: traceSpec | traceFields, fields: program},
	incident.VolumeFull:                 {people: redact.Literal("what may be deleted, or how much more space to pay for, only its owner knows")},
	incident.EphemeralStorageExceeded:   {people: redact.Literal("a new pod fills its space again; what it writes must go elsewhere, or its limit be raised"), traces: traceFields, fields: spending},
	incident.CPUThrottled:               {people: redact.Literal("how much CPU it is worth is for its owner to decide"), traces: traceFields, fields: spending},
	incident.DatabaseDeadlock:           {people: redact.Literal("two transactions wait for each other; a restart brings the same two back"), traces: traceFields, fields: program},
	incident.ConnectionPoolExhausted:    {people: redact.Literal("a restart frees connections for minutes only; pool, server and number of pods must be matched"), traces: traceFields | traceConfig | traceRoom, fields: program},
	incident.UpstreamRateLimited:        {people: redact.Literal("whom it calls sets the limit; a restart would only call more"), traces: traceFields | traceRoom, fields: program},
	incident.PodEvicted:                 {people: redact.Literal("its controller has made a new pod already; the evicted one is only a record")},
	incident.Unknown:                    {people: redact.Literal("nothing is proven, so that nothing is offered"), traces: traceSpec | traceConfig},
}

// placeRemedies are those of pods that find no place.
var placeRemedies = map[incident.Cause]remedy{
	incident.InsufficientCPU:             {offers: []offering{offerRollback}, people: manifest, traces: traceFields | traceRoom | traceNodes, fields: []string{"resources"}},
	incident.InsufficientMemory:          {offers: []offering{offerRollback}, people: manifest, traces: traceFields | traceRoom | traceNodes, fields: []string{"resources"}},
	incident.InsufficientResource:        {offers: []offering{offerRollback}, people: manifest, traces: traceFields | traceRoom | traceNodes, fields: []string{"resources"}},
	incident.NodeSelectorMismatch:        {people: manifest, traces: traceSpec | traceNodes},
	incident.NodeAffinityMismatch:        {people: manifest, traces: traceSpec | traceNodes},
	incident.TaintNotTolerated:           {people: manifest, traces: traceSpec | traceNodes},
	incident.PodAntiAffinity:             {people: manifest, traces: traceSpec | traceRoom | traceNodes},
	incident.TopologySpreadUnsatisfiable: {people: manifest, traces: traceSpec | traceRoom | traceNodes},
	incident.HostPortConflict:            {people: manifest, traces: traceSpec | traceRoom},
	incident.NodeCordoned:                {people: redact.Literal("somebody cordoned the node on purpose, and only people know whether that is over"), traces: traceNodes},
	incident.SchedulerMissing:            {people: redact.Literal("the scheduler that it names must be installed, or the name be corrected"), traces: traceSpec},
	incident.PVCMissing:                  {people: redact.Literal("a claim holds data: it is created by who knows which"), traces: traceSpec},
	incident.PVCUnbound:                  {people: redact.Literal("a claim cannot be changed; which volume it should get is for its owner to say"), traces: traceSpec},
	incident.StorageClassMissing:         {people: redact.Literal("a claim cannot be changed; the class must be made, or the claim anew"), traces: traceSpec},
	incident.NodeNotReady:                {people: nodeWork},
	incident.NodeMemoryPressure:          {people: nodeWork},
	incident.NodeDiskPressure:            {people: nodeWork},
	incident.NodePIDPressure:             {people: nodeWork},
}

// refusalRemedies are those of pods that the API server does not admit: what
// refuses them was set by people on purpose, and is not worked around.
var refusalRemedies = map[incident.Cause]remedy{
	incident.ServiceAccountMissing:       {people: identity, traces: traceSpec},
	incident.QuotaExceeded:               {people: redact.Literal("a quota is a decision of people; whether to raise it or to run less is theirs"), traces: traceRoot | traceRoom | traceFields, fields: []string{"resources"}},
	incident.QuotaRequiresLimits:         {people: redact.Literal("which limits it should have only its owner knows"), traces: traceRoot | traceFields, fields: []string{"resources"}},
	incident.LimitRangeViolation:         {people: redact.Literal("a limit range is a decision of people; the manifest must fit it, or they must change it"), traces: traceRoot | traceFields, fields: []string{"resources"}},
	incident.PodSecurityViolation:        {people: redact.Literal("a security level is a decision of people and is not lowered by a button"), traces: traceRoot | traceSpec},
	incident.AdmissionWebhookUnavailable: {people: elsewhere, traces: traceRoot},
	incident.AdmissionWebhookDenied:      {people: redact.Literal("a policy refused it on purpose; the manifest must fit the policy"), traces: traceRoot | traceSpec},
}

// neighbourRemedies are those of what a workload talks to.
var neighbourRemedies = map[incident.Cause]remedy{
	incident.DependencyUnavailable:   {people: elsewhere, traces: traceRoot | traceFields | traceConfig, fields: []string{"env", "command"}},
	incident.DNSFailure:              {people: elsewhere, traces: traceRoot | traceSpec},
	incident.ServiceMissing:          {people: redact.Literal("whether the name is wrong or the Service is missing only its owner knows"), traces: traceFields | traceConfig, fields: []string{"env", "command"}},
	incident.ServiceSelectorMismatch: {people: redact.Literal("which pods a Service should lead to only its owner knows"), traces: traceRoot},
	incident.ServicePortMismatch:     {people: redact.Literal("which port was meant only its owner knows"), traces: traceRoot},
	incident.ServiceSelectorOverlap:  {people: redact.Literal("which of the workloads should answer only their owners know"), traces: traceRoot},
	incident.NetworkPolicyBlocking:   {people: redact.Literal("a network policy is a decision of people and is not opened by a button"), traces: traceRoot},
	incident.IngressClassMissing:     {people: redact.Literal("the class must be installed, or the name be corrected, by who runs the cluster's way in"), traces: traceRoot},
	incident.IngressBackendMissing:   {people: redact.Literal("whether the name is wrong or the Service is missing only its owner knows"), traces: traceRoot},
	incident.IngressTLSSecretMissing: {people: redact.Literal("the certificate must come from who issues it"), traces: traceRoot},
	incident.RBACForbidden:           {people: identity, traces: traceSpec},
	incident.CredentialsRejected:     {people: redact.Literal("which credentials are right is not known here; where pods still hold old ones, a person who knows that starts them anew"), traces: traceRoot | traceConfig | traceFields, fields: []string{"env"}},
	incident.CertificateInvalid:      {people: redact.Literal("the certificate must be renewed by who issues it"), traces: traceRoot | traceConfig},
}

// controlRemedies are those of rollouts, Jobs, scaling and deletion.
var controlRemedies = map[incident.Cause]remedy{
	incident.RolloutStuck:            {offers: []offering{offerRollback}, people: noEarlier, traces: traceSpec},
	incident.RolloutDeadlocked:       {people: redact.Literal("one old pod must go before a new one comes: how much service that costs is for its owner to decide"), traces: traceSpec | traceRoot},
	incident.RolloutPaused:           {people: redact.Literal("somebody paused it on purpose, and only people know whether that is over"), traces: traceSpec},
	incident.JobBackoffLimitExceeded: {people: redact.Literal("what a second run would do to what the first one left behind only its author knows")},
	incident.JobDeadlineExceeded:     {people: redact.Literal("what a second run would do to what the first one left behind only its author knows")},
	incident.CronJobSuspended:        {people: redact.Literal("somebody suspended it on purpose, and only people know whether that is over"), traces: traceRoot},
	incident.HPATargetMissing:        {people: redact.Literal("whether the name is wrong or the target is gone only its owner knows"), traces: traceRoot},
	incident.HPAMetricsUnavailable:   {people: elsewhere, traces: traceRoot},
	incident.HPAMaxedOut:             {people: redact.Literal("whether the load is wanted, and worth more replicas, only its owner knows"), traces: traceRoot | traceRoom},
	incident.PDBBlocksEviction:       {people: redact.Literal("a disruption budget protects its workload on purpose and is not worked around"), traces: traceRoot | traceRoom},
	incident.FinalizerStuck:          {people: redact.Literal("a finalizer stands for something that must be cleaned up outside; to remove it may leave that behind for good")},
}
