package admission

import (
	"fmt"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

// rule is one row of the table: what an executor account may do beyond nothing.
// Group, resource and verb are the catalogue's.
type rule struct {
	kind action.Kind
	// free are the fields that may change; all others are compared.
	free free
	// checks are further conditions on what changes.
	checks []check
}

// free lists the fields of a workload that a kind may change.
type free struct {
	templateAnnotations []string
	containers          []string // fields of spec.template.spec.containers[*]
	initContainers      []string
}

// check is a condition and the sentence for its absence.
type check struct{ must, message string }

const restartedAt = "kubectl.kubernetes.io/restartedAt"

// rules is the table; a kind that is not in it cannot be enabled.
func rules() []rule {
	// A revision may differ in these only, where a rollback brings it back.
	runnable := []string{
		"image", "imagePullPolicy", "command", "args", "workingDir", "env", "envFrom", "resources",
		"livenessProbe", "readinessProbe", "startupProbe",
	}
	return []rule{
		{kind: action.DeletePod, checks: []check{
			{"oldObject.metadata.?ownerReferences.orValue([]).exists(r, r.?controller.orValue(false) && r.kind in ['ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job'])",
				"a pod without a controller may not be deleted: nothing would bring it back"},
			{"request.options.?preconditions.?uid.orValue('') == string(oldObject.metadata.uid)",
				"a pod may not be deleted without its UID as a precondition"},
			// The API server itself sets 0 for a pod that is on no node or has ended.
			{"!has(request.options.gracePeriodSeconds) || request.options.gracePeriodSeconds == oldObject.spec.terminationGracePeriodSeconds" +
				" || (request.options.gracePeriodSeconds == 0 && (oldObject.spec.?nodeName.orValue('') == '' || oldObject.status.?phase.orValue('') in ['Succeeded', 'Failed']))",
				"a pod may not be deleted with another grace period than its own"},
		}},
		{kind: action.Restart, free: free{templateAnnotations: []string{restartedAt}}, checks: []check{
			{"object.spec.template.metadata.?annotations[?" + quote(restartedAt) + "].orValue('').matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$')",
				restartedAt + " must be a UTC time in whole seconds"},
		}},
		{kind: action.Rollback, free: free{templateAnnotations: []string{restartedAt}, containers: runnable, initContainers: runnable}},
		{kind: action.SetImage, free: free{containers: []string{"image"}}, checks: []check{oneContainer("image")}},
		{kind: action.SetResources, free: free{containers: []string{"resources"}}, checks: append([]check{oneContainer("resources")}, memoryOnly()...)},
	}
}

func ruleOf(k action.Kind) (rule, bool) {
	for _, r := range rules() {
		if r.kind == k {
			return r, true
		}
	}
	return rule{}, false
}

// oneContainer holds a change to a single container: an Order names one.
func oneContainer(field string) check {
	return check{
		must:    fmt.Sprintf("variables.now.containers.filter(c, !variables.before.containers.exists(w, w.name == c.name && w.?%s == c.?%s)).size() <= 1", field, field),
		message: "the " + field + " of more than one container may not change at once",
	}
}

// memoryOnly holds a change of resources to memory, within bounds. The loops
// pair containers by name; that names and order are the same is what moved says.
func memoryOnly() []check {
	each := func(cond string) string {
		return "variables.now.containers.all(c, variables.before.containers.filter(w, w.name == c.name).all(w, c.?resources == w.?resources || (" + cond + ")))"
	}
	limit := func(v string) string { return v + ".?resources.?limits.?memory" }
	const q = "quantity(%s.orValue('0'))"
	now, before := fmt.Sprintf(q, limit("c")), fmt.Sprintf(q, limit("w"))
	same := func(field string, but ...string) string {
		a, b := optionalMap("c.?resources", field), optionalMap("w.?resources", field)
		if field == "" {
			a, b = "c.?resources.orValue({})", "w.?resources.orValue({})"
		}
		return fmt.Sprintf("%s.transformMap(k, v, !(k in %s), v) == %s.transformMap(k, v, !(k in %s), v)", a, list(but...), b, list(but...))
	}
	return []check{
		{each(same("", "limits", "requests") + " && " + same("limits", "memory") + " && " + same("requests", "memory")),
			"resources other than memory may not change"},
		{each(limit("c") + ".hasValue() && (c.?resources.?requests.?memory.hasValue() || !w.?resources.?requests.?memory.hasValue())"),
			"a memory limit or request may not be removed"},
		{each(fmt.Sprintf("%s.isLessThan(quantity('%s')) && (!%s.hasValue() || !%s.isGreaterThan(%s.add(%s)))", now, action.MaxMemoryLimit, limit("w"), now, before, before)),
			"a memory limit may at most double and must stay below " + action.MaxMemoryLimit},
	}
}

// executorPolicy makes the policy of one executor account.
func executorPolicy(c Config, r rule) (*admissionv1.ValidatingAdmissionPolicy, error) {
	entry, ok := action.Lookup(r.kind)
	if !ok {
		return nil, fmt.Errorf("action kind %q is not in the catalogue", r.kind)
	}
	p := newPolicy(c.ExecutorPolicy(r.kind))
	p.Spec.MatchConstraints = everything()
	p.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "executor", Expression: "request.userInfo.username == " + quote(c.ExecutorUser(r.kind))}}
	p.Spec.Variables = []admissionv1.Variable{
		{Name: "op", Expression: theWrite(entry)},
		{Name: "protected", Expression: "request.namespace in " + list(c.ProtectedNamespaces()...) +
			" || namespaceObject.metadata.?labels[?" + quote(action.ProtectedLabel) + "].orValue('') == 'true'"},
		{Name: "pod", Expression: "request.userInfo.?extra['authentication.kubernetes.io/pod-name'][0].orValue('')"},
		{Name: "bound", Expression: bound},
	}
	p.Spec.Validations = []admissionv1.Validation{
		deny("variables.op", "'"+string(r.kind)+" may do nothing but its own change, not ' + "+theRequest),
		deny("!variables.op || !variables.protected", "'namespace ' + request.namespace + ' is protected'"),
		deny("!variables.op || variables.bound", "'pod ' + variables.pod + ' holds no order to ' + (request.?dryRun.orValue(false) ? 'rehearse on ' : 'change ') + string(oldObject.metadata.uid)"),
	}
	if entry.Verb != "delete" {
		p.Spec.Variables = append(p.Spec.Variables, workloadVariables(r.free)...)
		p.Spec.Validations = append(p.Spec.Validations,
			deny("!variables.op || size(variables.moved) == 0", "'"+string(r.kind)+" may not change ' + variables.moved.join(', ')"),
			deny("!variables.op || "+stampsAreShort, "'a stamp of Countersign holds other characters than letters, digits and ,:.+_-'"))
	}
	for _, check := range r.checks {
		p.Spec.Validations = append(p.Spec.Validations, deny("!variables.op || ("+check.must+")", quote(check.message)))
	}
	return p, nil
}

// bound ties the pod to the object by the UID in its name (action.NamePattern
// and the job controller's suffix), and rehearsals and probes to dry runs.
const bound = "variables.pod.matches('^cs-(a|[rp][0-9])-' + string(oldObject.metadata.uid) + '-[0-9a-z]{12}-[0-9a-z]{5}$')" +
	" && (variables.pod.startsWith('cs-a-') || request.?dryRun.orValue(false))"

// theWrite is true for the single write that the catalogue gives to a kind. A
// DELETE without a name is one of a whole collection.
func theWrite(e action.Entry) string {
	operation := "request.operation == 'UPDATE'"
	if e.Verb == "delete" {
		operation = "request.operation == 'DELETE' && request.?name.orValue('') != ''"
	}
	return fmt.Sprintf("%s && request.resource.group == '%s' && request.resource.resource == '%s' && request.?subResource.orValue('') == ''", operation, e.Group, e.Resource)
}

const stampsAreShort = "variables.stamps.all(k, object.metadata.?annotations[?k].orValue('').matches('^[0-9A-Za-z,:.+_-]{0,120}$'))"

func stamps() []string {
	return []string{"countersign.dev/incident", "countersign.dev/approved-by", "countersign.dev/at"}
}

// workloadVariables compares the whole object, less what the API server keeps
// itself, the stamps and the free fields.
func workloadVariables(f free) []admissionv1.Variable {
	const template, templateBefore = "object.spec.template", "oldObject.spec.template"
	meta, metaBefore := template+".?metadata.orValue({})", templateBefore+".?metadata.orValue({})"
	podFields := []string{}
	lists := ""
	for _, l := range []struct {
		name string
		free []string
	}{{"containers", f.containers}, {"initContainers", f.initContainers}} {
		if len(l.free) == 0 {
			continue
		}
		podFields = append(podFields, l.name)
		now, before := "variables.now.?"+l.name+".orValue([])", "variables.before.?"+l.name+".orValue([])"
		lists += "\n + " + unless(without(now, l.free...)+" == "+without(before, l.free...), "spec.template.spec."+l.name+" (more than "+strings.Join(l.free, "/")+")")
	}
	metaFree := []string{}
	if len(f.templateAnnotations) > 0 {
		metaFree = append(metaFree, "annotations")
		lists += "\n + " + moved("spec.template.metadata.annotations.",
			optionalMap("object.spec.template.?metadata", "annotations"), optionalMap("oldObject.spec.template.?metadata", "annotations"), f.templateAnnotations...)
	}
	return []admissionv1.Variable{
		{Name: "stamps", Expression: list(stamps()...)},
		{Name: "now", Expression: template + ".spec"},
		{Name: "before", Expression: templateBefore + ".spec"},
		{Name: "moved", Expression: moved("metadata.", "object.metadata", "oldObject.metadata", "managedFields", "generation", "resourceVersion", "annotations") +
			"\n + " + moved("metadata.annotations.", optionalMap("object.metadata", "annotations"), optionalMap("oldObject.metadata", "annotations"), stamps()...) +
			"\n + " + moved("spec.", "object.spec", "oldObject.spec", "template") +
			"\n + " + moved("spec.template.", template, templateBefore, "metadata", "spec") +
			"\n + " + moved("spec.template.metadata.", meta, metaBefore, metaFree...) +
			"\n + " + moved("spec.template.spec.", "variables.now", "variables.before", podFields...) + lists},
	}
}
