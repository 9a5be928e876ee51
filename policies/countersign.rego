# The policy that Countersign asks three times about every change: may it be
# proposed, may this person's press count, may it be executed. It allows only
# when nothing denies; what it does not know is denied by the caller, because an
# undefined decision is no decision.
#
# input   stage, now, mode, action, risk, cause, confidence, facts, diffCut,
#         rehearsed, undo, verb, voter, requester, approvals, history
# data    settings: approvers, protected, kinds, floor, quorum, perHour
package countersign

decision := {
	"allow": count(denials) == 0,
	"reasons": sort(denials),
	"quorum": quorum,
	"risk": risk,
}

target := input.action.target

protected_label := "countersign.dev/protected"

# --- what may be changed at all, at every stage ------------------------------

# What must be so is a rule of its own, denied where it does not hold: written as
# "not input.mode in {…}" a missing field would make the denial undefined.

denials contains "the question is of no known stage" if not known_stage

known_stage if input.stage in {"propose", "approve", "execute"}

denials contains "remediation is off for this namespace" if not remediating

remediating if input.mode in {"propose", "approve"}

denials contains sprintf("namespace %s is protected", [target.namespace]) if target.namespace in data.settings.protected

denials contains sprintf("namespace %s is labelled %s=true", [target.namespace, protected_label]) if {
	some label in input.facts.namespaceLabels
	label.key == protected_label
	label.value == "true"
}

denials contains sprintf("actions of kind %s are not enabled", [object.get(input.action, "kind", "(none)")]) if {
	not kind_enabled
}

kind_enabled if input.action.kind in data.settings.kinds

denials contains sprintf("managed by %s, which would revert the change", [input.facts.managedBy]) if {
	input.facts.managedBy != ""
}

denials contains "the confidence in this cause is not measured, so no fix is offered: a person has to decide" if {
	not input.undo
	not input.confidence.measured
}

denials contains msg if {
	not input.undo
	input.confidence.measured
	input.confidence.lower < data.settings.floor
	msg := sprintf("the confidence in this cause is at least %d %% (90 %% bound), below the floor of %d %%", [
		floor(input.confidence.lower * 100),
		round(data.settings.floor * 100),
	])
}

# --- whose press counts -------------------------------------------------------

denials contains "nobody is named as an approver for this namespace" if {
	input.stage != "propose"
	count(approvers) == 0
}

denials contains "you are not among the approvers of this namespace" if {
	input.stage == "approve"
	count(approvers) > 0
	not voter_is_approver
}

denials contains "who asked for a change cannot approve it" if {
	input.stage == "approve"
	input.verb == "approve"
	same_person(input.voter.person, input.requester)
}

denials contains "fixes are proposed here, not executed: set remediation mode approve" if {
	input.stage != "propose"
	input.mode != "approve"
}

approvers := object.get(data.settings.approvers, target.namespace, object.get(data.settings.approvers, "*", []))

voter_is_approver if input.voter.person.id in approvers

voter_is_approver if {
	some group in input.voter.groups
	group in approvers
}

same_person(a, b) if {
	a.id != ""
	a.id == b.id
	a.team == b.team
}

# --- what may be executed -----------------------------------------------------

denials contains "the change was not rehearsed" if {
	input.stage == "execute"
	not input.rehearsed
}

denials contains sprintf("%d of %d approvals", [count(votes), quorum]) if {
	input.stage == "execute"
	count(votes) < quorum
}

denials contains msg if {
	input.stage == "execute"
	count(recent) >= data.settings.perHour
	msg := sprintf("%d changes were made in namespace %s within the last hour, %d are allowed", [
		count(recent),
		target.namespace,
		data.settings.perHour,
	])
}

votes contains [person.team, person.id] if {
	some person in input.approvals
	not same_person(person, input.requester)
}

hour_ns := 3600 * 1000000000

recent contains run.job if {
	some run in input.history
	run.namespace == target.namespace
	time.parse_rfc3339_ns(input.now) - time.parse_rfc3339_ns(run.at) < hour_ns
}

# --- how many must agree ------------------------------------------------------

# A diff that the card cannot show whole needs a second pair of eyes.
default risk := "high"

risk := input.risk if {
	input.risk in {"low", "medium"}
	not input.diffCut
}

quorum := object.get(data.settings.quorum, risk, 2)
