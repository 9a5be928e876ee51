package chat

import (
	"fmt"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// causeWords are the causes whose code does not read as words.
var causeWords = map[incident.Cause]string{
	incident.OOMKilled: "out of memory", incident.EnvVarMissing: "environment variable missing",
	incident.PVCMissing: "PersistentVolumeClaim missing", incident.ConfigMapMissing: "ConfigMap missing",
	incident.ConfigMapKeyMissing: "key missing in ConfigMap", incident.SecretMissing: "Secret missing",
	incident.SecretKeyMissing: "key missing in Secret", incident.InsufficientCPU: "not enough CPU in the cluster",
	incident.InsufficientMemory: "not enough memory in the cluster", incident.AppError: "the application fails",
	incident.HPATargetMissing: "autoscaler's target missing", incident.HPAMetricsUnavailable: "autoscaler without metrics",
	incident.HPAMaxedOut: "autoscaler at its maximum", incident.PDBBlocksEviction: "disruption budget blocks a drain",
	incident.CronJobSuspended: "CronJob suspended", incident.FinalizerStuck: "deletion waits for a finalizer",
	incident.TaintNotTolerated: "taint not tolerated", incident.Unknown: "cause not known yet", "": "cause not known yet",
}

func causeText(c incident.Cause) redact.Text {
	if words := causeWords[c]; words != "" {
		return redact.Name(words)
	}
	return redact.Name(strings.ReplaceAll(string(c), "-", " "))
}

var symptomWords = map[incident.Symptom]string{
	incident.SymptomImagePull: "image cannot be pulled", incident.SymptomConfigError: "configuration error",
	incident.SymptomCrashLoop: "crash loop", incident.SymptomOOMKilled: "out of memory",
	incident.SymptomProbeFailing: "probe failing", incident.SymptomUnschedulable: "no place to run",
	incident.SymptomStartFailure: "does not start", incident.SymptomPending: "pending",
	incident.SymptomEvicted: "evicted", incident.SymptomJobFailed: "job failed",
	incident.SymptomServiceBroken: "Service leads nowhere or astray", incident.SymptomIngressBroken: "Ingress leads nowhere",
	incident.SymptomScalingStuck: "autoscaler cannot scale", incident.SymptomEvictionBlocked: "drain cannot go on",
	incident.SymptomDeletionStuck: "cannot be deleted", incident.SymptomSuspended: "halted by somebody",
	incident.SymptomRolloutStuck: "rollout stuck", incident.SymptomNodeNotReady: "node not ready",
}

func symptomText(s incident.Symptom) redact.Text {
	if words := symptomWords[s]; words != "" {
		return redact.Name(words)
	}
	return redact.Name(strings.ReplaceAll(string(s), "-", " "))
}

// refText is NAMESPACE/NAME, or the name alone.
func refText(r action.Ref) redact.Text {
	if r.Namespace == "" {
		return redact.Name(r.Name)
	}
	return redact.Sprintf("%s/%s", redact.Name(r.Namespace), redact.Name(r.Name))
}

// personText names a person without notifying anybody. The id is what counts.
func personText(p incident.Person) redact.Text {
	if p.Name.IsEmpty() {
		return redact.Name(p.ID)
	}
	return redact.Sprintf("%s (%s)", p.Name.Truncate(80), redact.Name(p.ID))
}

func peopleText(votes []incident.Voted) redact.Text {
	names := make([]redact.Text, 0, len(votes))
	for _, v := range votes {
		name := personText(v.Person)
		if v.Via == incident.ViaSigned && v.Signature != nil {
			name = redact.Sprintf("%s [signed]", name)
		}
		names = append(names, name)
	}
	return redact.Join(", ", names...)
}

func count(n int) redact.Text { return redact.Int(int64(n)) }

// sureText says how sure a claim is. A percentage stands only where enough
// outcomes back it; below that it would be more exact than anybody knows.
func sureText(c incident.Confidence) redact.Text {
	if !c.Measured {
		return c.Basis
	}
	sure := redact.Sprintf("%s%% sure, at least %s%%", count(percent(c.Value)), count(percent(c.Lower)))
	if c.Outcomes < incident.EnoughOutcomes {
		sure = sureWords(c.Lower)
	}
	if c.Basis.IsEmpty() {
		return sure
	}
	return redact.Sprintf("%s: %s", sure, c.Basis)
}

// sureWords stand for the lower bound, which few outcomes keep low by themselves.
func sureWords(lower float64) redact.Text {
	switch {
	case lower >= 0.9:
		return redact.Literal("very high, from few outcomes")
	case lower >= 0.75:
		return redact.Literal("high, from few outcomes")
	case lower >= 0.5:
		return redact.Literal("fair, from few outcomes")
	}
	return redact.Literal("low, from few outcomes")
}

func percent(v float64) int {
	switch {
	case !(v > 0): // not a number, too
		return 0
	case v > 1:
		return 100
	}
	return int(v*100 + 0.5)
}

// sentence is the change in words, without its parameters.
func sentence(a action.Action) string {
	target := fmt.Sprintf("%s %s/%s", a.Target.Kind, a.Target.Namespace, a.Target.Name)
	switch a.Kind {
	case action.DeletePod:
		return "Delete " + target
	case action.Restart:
		return "Restart " + target
	case action.Rollback:
		return "Roll back " + target
	case action.SetImage:
		return "Set the image in " + target
	case action.SetResources:
		return "Set the memory in " + target
	}
	return "Unknown change to " + target
}

// parameters are the change's parameters, one to a line: a name, two spaces or
// more, a value.
func parameters(a action.Action) [][2]string {
	p := a.Params
	switch {
	case p.Restart != nil:
		return [][2]string{{"restartedAt", p.Restart.At}}
	case p.Rollback != nil:
		return [][2]string{
			{"from", pinnedText(p.Rollback.FromRevision, p.Rollback.From)},
			{"to", pinnedText(p.Rollback.ToRevision, p.Rollback.To)},
		}
	case p.SetImage != nil:
		lines := [][2]string{{"container", p.SetImage.Container}, {"from", orNone(p.SetImage.From)}, {"to", p.SetImage.To}}
		if p.SetImage.Typed {
			lines = append(lines, [2]string{"typed", "by a person; it may never have run here"})
		}
		return lines
	case p.SetResources != nil:
		lines := [][2]string{
			{"container", p.SetResources.Container},
			{"memory limit", orNone(p.SetResources.FromMemoryLimit) + " → " + p.SetResources.ToMemoryLimit},
		}
		if p.SetResources.ToMemoryRequest != "" {
			lines = append(lines, [2]string{"memory request", p.SetResources.FromMemoryRequest + " → " + p.SetResources.ToMemoryRequest})
		}
		return lines
	}
	return nil
}

func pinnedText(revision int64, p action.Pinned) string {
	return fmt.Sprintf("revision %d, ReplicaSet %s, uid %s", revision, p.ReplicaSet, p.UID)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
