package admission

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/countersign-dev/countersign/internal/action"
)

// orderEnv is the only part of a pod that differs from Job to Job, beside the
// account.
const orderEnv = "COUNTERSIGN_ORDER"

// pinnedJob is the executor Job as the API server completes it, in three parts.
type pinnedJob struct {
	spec  map[string]any // the Job's spec less selector and template
	pod   map[string]any // the pod's spec
	image string
}

// pin checks that job is the shape that was asked for, and not what a mutating
// webhook made of it, before it becomes what the gate may create.
func pin(c Config, job *batchv1.Job) (pinnedJob, error) {
	if job == nil {
		return pinnedJob{}, errors.New("pin the executor job: there is none")
	}
	pod := job.Spec.Template.Spec
	switch {
	case len(pod.Containers) != 1 || len(pod.InitContainers) != 0 || len(pod.EphemeralContainers) != 0 || len(pod.Volumes) != 0:
		return pinnedJob{}, errors.New("pin the executor job: it must be one container without volumes; does a webhook change jobs here?")
	case pod.Containers[0].Name != "executor" || !strings.Contains(pod.Containers[0].Image, "@sha256:"):
		return pinnedJob{}, errors.New("pin the executor job: its container must be called executor and have its image by digest")
	case len(pod.Containers[0].Env) != 1 || pod.Containers[0].Env[0].Name != orderEnv || len(pod.Containers[0].EnvFrom) != 0:
		return pinnedJob{}, fmt.Errorf("pin the executor job: its environment must be %s alone", orderEnv)
	case pod.TerminationGracePeriodSeconds == nil || pod.SchedulerName == "" || job.Spec.Parallelism == nil:
		return pinnedJob{}, errors.New("pin the executor job: it must be as the API server completes it (dry run)")
	}
	for _, arg := range []string{
		"--protected-namespaces=" + strings.Join(c.ProtectedNamespaces(), ","),
		"--control-namespace=" + c.Namespace,
	} {
		if !slices.Contains(pod.Containers[0].Args, arg) {
			return pinnedJob{}, fmt.Errorf("pin the executor job: it lacks the argument %s", arg)
		}
	}
	whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&job.Spec)
	if err != nil {
		return pinnedJob{}, fmt.Errorf("pin the executor job: %w", err)
	}
	spec := pinnedJob{spec: whole, image: pod.Containers[0].Image}
	template, _ := whole["template"].(map[string]any)
	spec.pod, _ = template["spec"].(map[string]any)
	delete(whole, "selector") // the API server's, with a UID of its own
	delete(whole, "template")
	return spec, nil
}

// podLiteral is the pod's spec as a CEL literal, with the two parts that vary
// taken from the request.
func (p pinnedJob) podLiteral() (string, error) {
	pod := runtime.DeepCopyJSON(p.pod)
	pod["serviceAccountName"] = verbatim("variables.account")
	pod["serviceAccount"] = verbatim("variables.account")
	containers, _ := pod["containers"].([]any)
	first, _ := containers[0].(map[string]any)
	first["env"] = []any{map[string]any{"name": orderEnv, "value": verbatim("variables.order")}}
	return literal(pod)
}

// gatePolicy lets the gate create exactly one shape of Job and write its own
// Lease, anchor, kill switch and Events, and nothing else anywhere.
func gatePolicy(c Config, job pinnedJob) (*admissionv1.ValidatingAdmissionPolicy, error) {
	podLiteral, err := job.podLiteral()
	if err != nil {
		return nil, fmt.Errorf("pin the pod: %w", err)
	}
	specLiteral, err := literal(job.spec)
	if err != nil {
		return nil, fmt.Errorf("pin the job: %w", err)
	}
	accounts := make([]string, 0, len(c.Kinds))
	for _, k := range c.kinds() {
		accounts = append(accounts, string(k))
	}
	p := newPolicy(c.GatePolicy())
	p.Spec.MatchConstraints = everything()
	p.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "gate", Expression: "request.userInfo.username == " + quote(c.GateUser())}}
	p.Spec.Variables = []admissionv1.Variable{
		{Name: "job", Expression: "request.resource.group == 'batch' && request.resource.resource == 'jobs' && request.?subResource.orValue('') == ''" +
			" && request.operation == 'CREATE' && request.namespace == " + quote(c.ExecutorNamespace)},
		{Name: "own", Expression: gateOwn(c)},
		{Name: "pod", Expression: "object.spec.template.spec"},
		{Name: "account", Expression: "variables.pod.?serviceAccountName.orValue('')"},
		{Name: "order", Expression: "variables.pod.?containers[?0].?env[?0].?value.orValue('')"},
		{Name: "labels", Expression: "object.metadata.?labels.orValue({})"},
		{Name: "podMeta", Expression: "object.spec.template.?metadata.orValue({})"},
		{Name: "podLabels", Expression: "variables.podMeta.?labels.orValue({})"},
		{Name: "pinnedJob", Expression: specLiteral},
		{Name: "pinned", Expression: podLiteral},
		{Name: "movedJob", Expression: moved("spec.", "object.spec", "variables.pinnedJob", "selector", "template")},
		{Name: "movedPod", Expression: moved("spec.template.spec.", "variables.pod", "variables.pinned")},
	}
	p.Spec.Validations = gateValidations(accounts)
	return p, nil
}

func gateOwn(c Config) string {
	own := func(operations, group, resource, name string) string {
		return fmt.Sprintf("request.operation in %s && request.resource.group == '%s' && request.resource.resource == '%s' && request.?name.orValue('') == '%s'", operations, group, resource, name)
	}
	made := list("CREATE", "UPDATE")
	return fmt.Sprintf("request.namespace == %s && request.?subResource.orValue('') == '' && (%s || %s || %s || %s)", quote(c.Namespace),
		own(made, "coordination.k8s.io", "leases", c.Gate), own(made, "", "configmaps", action.AnchorName),
		own(list("UPDATE"), "", "configmaps", action.SwitchName), // Install has made it
		"request.operation == 'CREATE' && request.resource.group in ['', 'events.k8s.io'] && request.resource.resource == 'events'")
}

func gateValidations(accounts []string) []admissionv1.Validation {
	ifJob := func(must string) string { return "!variables.job || (" + must + ")" }
	controllerLabels := list("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", IncidentLabel)
	return []admissionv1.Validation{
		deny("variables.job || variables.own",
			"'the gate may only create execution Jobs and write its own Lease, anchor, kill switch and Events, not ' + "+theRequest),
		deny(ifJob("object.metadata.name.matches("+quote(action.NamePattern)+")"),
			"'Job name ' + object.metadata.name + ' is not cs-(a|rN|pN)-TARGET UID-DIGEST'"),
		deny(ifJob("object.metadata.all(k, k in ['name', 'namespace', 'uid', 'creationTimestamp', 'generation', 'labels', 'managedFields'])"),
			"'a Job of the gate may not carry metadata.' + object.metadata.map(k, !(k in ['name', 'namespace', 'uid', 'creationTimestamp', 'generation', 'labels', 'managedFields']), k).join(', metadata.')"),
		deny(ifJob("variables.labels.size() == 1 && variables.labels[?"+quote(IncidentLabel)+"].orValue('').matches('^[0-9a-z]{1,40}$')"),
			"'a Job of the gate has the label "+IncidentLabel+" alone, of up to 40 letters and digits'"),
		deny(ifJob("size(variables.movedJob) == 0"),
			"'the Job is not the pinned one: ' + variables.movedJob.join(', ')"),
		deny(ifJob("object.spec.template.all(k, k in ['metadata', 'spec']) && variables.podMeta.all(k, k in ['labels', 'creationTimestamp'])"+
			" && variables.podLabels.all(k, k in "+controllerLabels+") && variables.podLabels[?"+quote(IncidentLabel)+"].orValue('') == variables.labels[?"+quote(IncidentLabel)+"].orValue('?')"),
			"'a pod of the gate has the label "+IncidentLabel+" of its Job and no other metadata, not ' + (variables.podMeta.map(k, !(k in ['labels', 'creationTimestamp']), k) + variables.podLabels.map(k, k)).join(', ')"),
		deny(ifJob("variables.account in "+list(accounts...)),
			"'ServiceAccount ' + variables.account + ' is not one of an action kind'"),
		deny(ifJob("size(variables.order) <= "+fmt.Sprint(action.MaxOrder)+" && variables.order.matches('^[A-Za-z0-9_-]+$')"),
			"'the order is not base64url of at most "+fmt.Sprint(action.MaxOrder)+" bytes'"),
		deny(ifJob("size(variables.movedPod) == 0"),
			"'the pod is not the pinned one: ' + variables.movedPod.join(', ')"),
	}
}
