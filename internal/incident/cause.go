package incident

import "time"

// Cause is a code of the root-cause vocabulary. Codes are stable: they are
// added, never renamed or reused.
type Cause string

// The causes that rules of this release can prove.
const (
	ImageNotFound            Cause = "image-not-found"
	ImageRegistryUnreachable Cause = "image-registry-unreachable"
	ImagePullUnauthorized    Cause = "image-pull-unauthorized"
	ImagePullRateLimited     Cause = "image-pull-rate-limited"
	ImageNameInvalid         Cause = "image-name-invalid"
	ImageNeverPulled         Cause = "image-never-pulled"
	CommandNotFound          Cause = "command-not-found"
	ConfigMapMissing         Cause = "configmap-missing"
	ConfigMapKeyMissing      Cause = "configmap-key-missing"
	SecretMissing            Cause = "secret-missing"
	SecretKeyMissing         Cause = "secret-key-missing"
	EnvVarMissing            Cause = "env-var-missing"
	RunAsNonRootViolation    Cause = "run-as-non-root-violation"
	InitContainerFailed      Cause = "init-container-failed"
	AppError                 Cause = "app-error"
	OOMKilled                Cause = "oom-killed"
	LivenessProbeFailing     Cause = "liveness-probe-failing"
	ReadinessProbeFailing    Cause = "readiness-probe-failing"
	StartupProbeFailing      Cause = "startup-probe-failing"
	ProbeMisconfigured       Cause = "probe-misconfigured"
	InsufficientCPU          Cause = "insufficient-cpu"
	InsufficientMemory       Cause = "insufficient-memory"
	InsufficientResource     Cause = "insufficient-resource"
	NodeSelectorMismatch     Cause = "node-selector-mismatch"
	TaintNotTolerated        Cause = "taint-not-tolerated"
	PVCMissing               Cause = "pvc-missing"
	DependencyUnavailable    Cause = "dependency-unavailable"
	NodeNotReady             Cause = "node-not-ready"
	Unknown                  Cause = "unknown"
)

// More causes that rules prove where the cluster's own words name them.
const (
	ImagePlatformMismatch       Cause = "image-platform-mismatch"
	NodeAffinityMismatch        Cause = "node-affinity-mismatch"
	PodAntiAffinity             Cause = "pod-anti-affinity"
	TopologySpreadUnsatisfiable Cause = "topology-spread-unsatisfiable"
	HostPortConflict            Cause = "host-port-conflict"
	NodeCordoned                Cause = "node-cordoned"
	PVCUnbound                  Cause = "pvc-unbound"
	StorageClassMissing         Cause = "storage-class-missing"
	NodeMemoryPressure          Cause = "node-memory-pressure"
	NodeDiskPressure            Cause = "node-disk-pressure"
	NodePIDPressure             Cause = "node-pid-pressure"
	PodEvicted                  Cause = "pod-evicted"
	ServiceAccountMissing       Cause = "service-account-missing"
	QuotaExceeded               Cause = "quota-exceeded"
	QuotaRequiresLimits         Cause = "quota-requires-limits"
	PodSecurityViolation        Cause = "pod-security-violation"
	RolloutStuck                Cause = "rollout-stuck"
	JobBackoffLimitExceeded     Cause = "job-backoff-limit-exceeded"
	JobDeadlineExceeded         Cause = "job-deadline-exceeded"
)

// Causes that logs suggest and no rule of this release proves by itself.
const (
	DNSFailure                 Cause = "dns-failure"
	CredentialsRejected        Cause = "credentials-rejected"
	RBACForbidden              Cause = "rbac-forbidden"
	CertificateInvalid         Cause = "certificate-invalid"
	VolumeFull                 Cause = "volume-full"
	FilesystemPermissionDenied Cause = "filesystem-permission-denied"
	ConfigInvalid              Cause = "config-invalid"
	DatabaseDeadlock           Cause = "database-deadlock"
	UpstreamRateLimited        Cause = "upstream-rate-limited"
	ConnectionPoolExhausted    Cause = "connection-pool-exhausted"
)

// Causes that a neighbour, a controller's condition or the API server's answer
// proves.
const (
	InitContainerWaiting        Cause = "init-container-waiting"
	MemoryLeak                  Cause = "memory-leak"
	LifecycleHookFailed         Cause = "lifecycle-hook-failed"
	EphemeralStorageExceeded    Cause = "ephemeral-storage-exceeded"
	CPUThrottled                Cause = "cpu-throttled"
	EnvShadowed                 Cause = "env-shadowed"
	PodSandboxFailed            Cause = "pod-sandbox-failed"
	SchedulerMissing            Cause = "scheduler-missing"
	VolumeMountFailed           Cause = "volume-mount-failed"
	LimitRangeViolation         Cause = "limit-range-violation"
	AdmissionWebhookUnavailable Cause = "admission-webhook-unavailable"
	AdmissionWebhookDenied      Cause = "admission-webhook-denied"
	RolloutDeadlocked           Cause = "rollout-deadlocked"
	RolloutPaused               Cause = "rollout-paused"
	CronJobSuspended            Cause = "cronjob-suspended"
	ServiceSelectorMismatch     Cause = "service-selector-mismatch"
	ServicePortMismatch         Cause = "service-port-mismatch"
	ServiceSelectorOverlap      Cause = "service-selector-overlap"
	ServiceMissing              Cause = "service-missing"
	NetworkPolicyBlocking       Cause = "network-policy-blocking"
	IngressClassMissing         Cause = "ingress-class-missing"
	IngressBackendMissing       Cause = "ingress-backend-missing"
	IngressTLSSecretMissing     Cause = "ingress-tls-secret-missing"
	HPATargetMissing            Cause = "hpa-target-missing"
	HPAMetricsUnavailable       Cause = "hpa-metrics-unavailable"
	HPAMaxedOut                 Cause = "hpa-maxed-out"
	PDBBlocksEviction           Cause = "pdb-blocks-eviction"
	FinalizerStuck              Cause = "finalizer-stuck"
)

// Causes lists the vocabulary in the order of this file, Unknown among them.
func Causes() []Cause {
	return []Cause{
		ImageNotFound, ImageRegistryUnreachable, ImagePullUnauthorized, ImagePullRateLimited, ImageNameInvalid,
		ImageNeverPulled, CommandNotFound, ConfigMapMissing, ConfigMapKeyMissing, SecretMissing,
		SecretKeyMissing, EnvVarMissing, RunAsNonRootViolation, InitContainerFailed, AppError,
		OOMKilled, LivenessProbeFailing, ReadinessProbeFailing, StartupProbeFailing, ProbeMisconfigured,
		InsufficientCPU, InsufficientMemory, InsufficientResource, NodeSelectorMismatch, TaintNotTolerated,
		PVCMissing, DependencyUnavailable, NodeNotReady, Unknown, ImagePlatformMismatch,
		NodeAffinityMismatch, PodAntiAffinity, TopologySpreadUnsatisfiable, HostPortConflict, NodeCordoned,
		PVCUnbound, StorageClassMissing, NodeMemoryPressure, NodeDiskPressure, NodePIDPressure,
		PodEvicted, ServiceAccountMissing, QuotaExceeded, QuotaRequiresLimits, PodSecurityViolation,
		RolloutStuck, JobBackoffLimitExceeded, JobDeadlineExceeded, DNSFailure, CredentialsRejected,
		RBACForbidden, CertificateInvalid, VolumeFull, FilesystemPermissionDenied, ConfigInvalid,
		DatabaseDeadlock, UpstreamRateLimited, ConnectionPoolExhausted,
		InitContainerWaiting, MemoryLeak, LifecycleHookFailed, EphemeralStorageExceeded, CPUThrottled,
		EnvShadowed, PodSandboxFailed, SchedulerMissing, VolumeMountFailed, LimitRangeViolation,
		AdmissionWebhookUnavailable, AdmissionWebhookDenied, RolloutDeadlocked, RolloutPaused, CronJobSuspended,
		ServiceSelectorMismatch, ServicePortMismatch, ServiceSelectorOverlap, ServiceMissing, NetworkPolicyBlocking,
		IngressClassMissing, IngressBackendMissing, IngressTLSSecretMissing, HPATargetMissing, HPAMetricsUnavailable,
		HPAMaxedOut, PDBBlocksEviction, FinalizerStuck,
	}
}

// Holds say how long a finding must stand before the first card, by what the
// fault is (requirement C3a). They bind announcements only.
type Holds struct {
	Immediate time.Duration // what cannot heal alone
	Settling  time.Duration // probes, dependencies, nodes
	Pending   time.Duration // what waits for a place or a volume
}

// DefaultHolds are the holds that users were promised.
func DefaultHolds() Holds {
	return Holds{Immediate: 0, Settling: 60 * time.Second, Pending: 2 * time.Minute}
}

// For is the hold of a cause.
func (h Holds) For(c Cause) time.Duration {
	switch c {
	case InsufficientCPU, InsufficientMemory, InsufficientResource, NodeSelectorMismatch, TaintNotTolerated, PVCMissing,
		NodeAffinityMismatch, PodAntiAffinity, TopologySpreadUnsatisfiable, HostPortConflict, NodeCordoned, PVCUnbound, StorageClassMissing,
		SchedulerMissing, FinalizerStuck, PDBBlocksEviction:
		return h.Pending
	case LivenessProbeFailing, ReadinessProbeFailing, StartupProbeFailing, ProbeMisconfigured,
		DependencyUnavailable, NodeNotReady, NodeMemoryPressure, NodeDiskPressure, NodePIDPressure,
		ImageRegistryUnreachable, ImagePullRateLimited, DNSFailure, ServiceMissing, NetworkPolicyBlocking,
		ServiceSelectorMismatch, ServicePortMismatch, ServiceSelectorOverlap, InitContainerWaiting, VolumeMountFailed,
		PodSandboxFailed, RolloutDeadlocked, CPUThrottled, HPATargetMissing, HPAMetricsUnavailable, HPAMaxedOut,
		IngressClassMissing, IngressBackendMissing, IngressTLSSecretMissing, AdmissionWebhookUnavailable, Unknown:
		return h.Settling
	default:
		return h.Immediate
	}
}
