# The policy that Countersign asks three times about every change: may it be
# proposed, may this person's press count, may it be executed; and who may steer
# the whole installation. It allows only
# when nothing denies; what it does not know is denied by the caller, because an
# undefined decision is no decision.
#
# input   stage, now, mode, action, risk, cause, confidence, facts, diffCut,
#         rehearsed, undo, verb, voter, requester, approvals, signed, reason,
#         glass, changesLastHour, freezes
# data    settings: see docs/policy.md
package countersign

decision := {
	"allow": count(denials) == 0,
	"reasons": sort(denials),
	"quorum": quorum,
	"risk": risk,
	"needsReason": needs_reason,
	"pending": pending,
	"until": until,
}

target := input.action.target

settings := data.settings

# What a question has to say; Countersign fills all of it.
fields := {
	"stage", "now", "mode", "action", "risk", "cause", "confidence", "facts", "diffCut", "rehearsed",
	"undo", "verb", "voter", "requester", "approvals", "signed", "reason", "changesLastHour", "freezes",
}

labels := {l.key: l.value | some l in input.facts.namespaceLabels}

# --- what every question says -------------------------------------------------

# Beware: "not input.mode in {…}" is undefined, and denies nothing, where the mode
# is missing. What must be so is a rule of its own, denied where it does not hold,
# or is read with object.get.

denials contains "the question is of no known stage" if {
	not object.get(input, "stage", "") in {"propose", "approve", "execute", "steer"}
}

denials contains "the question is incomplete: something is missing, or is not what it should be" if not whole

whole if {
	fields - object.keys(input) == set()
	count(settings) == 14 # of Countersign's, which has no others: the cheapest proof that none is missing
	is_number(input.facts.desired)
	somewhere
	is_string(input.facts.managedBy)
	is_string(input.requester.id)
	is_number(input.changesLastHour)
	is_array(input.freezes)
}

somewhere if is_string(target.namespace)

# The installation is in no namespace that a question could be about.
somewhere if steering

denials contains "a press asks for something that is not known" if {
	input.stage == "approve"
	not object.get(input, "verb", "") in {"approve", "reject", "edit", "undo", "review"}
}

denials contains "a command asks for something that is not known" if {
	steering
	not object.get(input, "verb", "") in {"stop", "resume", "break-glass", "approve", "reject"}
}

# Steering changes no object: nothing that forbids a change forbids it.
steering if input.stage == "steer"

rejecting if {
	input.stage == "approve"
	input.verb == "reject"
}

# A review looks back at what was done: nothing that forbids a change forbids it.
reviewing if {
	input.stage == "approve"
	input.verb == "review"
}

denials contains why if {
	not reviewing
	not steering
	some why in obstacles
}

# --- what may be changed at all, at every stage ------------------------------

obstacles contains "remediation is off for this namespace" if {
	not object.get(input, "mode", "") in {"propose", "approve"}
}

obstacles contains "fixes are proposed here, not executed: set remediation mode approve" if {
	input.stage != "propose"
	input.mode != "approve"
}

obstacles contains sprintf("namespace %s is protected", [target.namespace]) if target.namespace in settings.protected

obstacles contains sprintf("namespace %s is labelled countersign.dev/protected=true", [target.namespace]) if {
	labels["countersign.dev/protected"] == "true"
}

obstacles contains sprintf("actions of kind %s are not enabled here", [object.get(input.action, "kind", "(none)")]) if {
	not kind_enabled
}

kind_enabled if input.action.kind in object.get(settings.namespaceKinds, target.namespace, settings.kinds)

obstacles contains sprintf("managed by %s, which would revert the change", [input.facts.managedBy]) if {
	input.facts.managedBy != ""
}

obstacles contains "the confidence in this cause is not measured, so no fix is offered: a person has to decide" if {
	not input.undo
	not input.confidence.measured
}

obstacles contains msg if {
	not input.undo
	input.confidence.measured
	not sure_enough
	msg := sprintf("the confidence in this cause is at least %d %% (90 %% bound), below the floor of %d %%", [
		floor(object.get(input.confidence, "lower", 0) * 100),
		round(settings.floor * 100),
	])
}

sure_enough if input.confidence.lower >= settings.floor

obstacles contains sprintf("the change replaces %d pods at once, %v are allowed", [pods, object.get(settings.maxPods, "deny", "none")]) if {
	not small_enough
}

small_enough if pods <= settings.maxPods.deny

# The facts of a pod are those of the workload that owns it.
pods := 1 if {
	input.action.kind == "delete-pod"
} else := input.facts.desired

obstacles contains why if some why in frozen

frozen contains sprintf("namespace %s is frozen until %s (%s)", [target.namespace, freeze.until, freeze.name]) if {
	not rejecting
	not breaking_glass
	some freeze in input.freezes
}

# --- whose press counts -------------------------------------------------------

denials contains nobody if {
	input.stage != "propose"
	not anybody
	not breaking_glass
	count(approvers) == 0
}

nobody := sprintf("namespace %s belongs to team %s, for which nobody is named as an approver", [target.namespace, team]) if {
	of_team
} else := "nobody is named as an approver for this namespace"

denials contains "you are not a full member of this Slack workspace" if {
	input.stage in {"approve", "steer"}
	not input.voter.member
}

denials contains "you are not among the approvers of this namespace" if {
	input.stage == "approve"
	not breaking_glass
	count(approvers) > 0
	not listed(approvers)
}

denials contains "you are not among the general approvers (approvers, *)" if {
	steering
	not anybody
	not listed(object.get(settings.approvers, "*", []))
}

# Stopping is safe, so that every member may do it; glass has its own list.
anybody if {
	steering
	input.verb in {"stop", "break-glass"}
}

denials contains "you are not among those who may break the glass (breakGlass)" if {
	steering
	input.verb == "break-glass"
	not breaker
}

breaker if input.voter.person.id in settings.breakGlass

denials contains "breaking the glass needs a reason" if {
	steering
	input.verb == "break-glass"
	trim_space(input.reason) == ""
}

denials contains sprintf("you are not among those who approve changes of %s risk", [risk]) if {
	input.stage == "approve"
	not breaking_glass
	tier := settings.riskApprovers[risk]
	not listed(tier)
}

denials contains "who asked for a change cannot approve it" if {
	input.stage in {"approve", "steer"}
	input.verb == "approve"
	input.requester.id != ""
	input.voter.person.id == input.requester.id
}

denials contains "who broke the glass cannot review it" if {
	reviewing
	input.voter.person.id == input.glass.person.id
}

denials contains "it is not known who broke the glass" if {
	reviewing
	not input.glass.person.id
}

# A namespace has its own list, or that of the team on its label, or the general
# one. A team without a list has nobody: a misspelt label must not widen.
approvers := settings.approvers[target.namespace] if {
	own_list
} else := object.get(settings.teamApprovers, team, []) if {
	of_team
} else := object.get(settings.approvers, "*", [])

own_list if is_array(settings.approvers[target.namespace])

of_team if {
	not own_list
	is_string(team)
}

team := labels["countersign.dev/team"]

listed(list) if input.voter.person.id in list

listed(list) if {
	some group in input.voter.groups
	group in list
}

# --- reasons in words ---------------------------------------------------------

default needs_reason := false

needs_reason if risk in settings.reasonFor.risks

needs_reason if target.namespace in settings.reasonFor.namespaces

denials contains "this approval needs a reason" if {
	needs_reason
	approving
	not breaking_glass
	trim_space(input.reason) == ""
}

approving if input.stage == "execute"

approving if {
	input.stage == "approve"
	input.verb == "approve"
}

# --- broken glass: one person alone, in an emergency ---------------------------

default breaking_glass := false

breaking_glass if {
	may_break_glass
	input.stage == "propose"
}

breaking_glass if {
	may_break_glass
	input.stage == "approve"
	input.verb == "approve"
	same_person(input.voter.person, input.glass.person)
}

breaking_glass if {
	may_break_glass
	input.stage == "execute"
	some person in input.approvals
	same_person(person, input.glass.person)
	person.id in votes
}

may_break_glass if {
	input.glass.person.id in settings.breakGlass
	trim_space(input.glass.reason) != ""
}

# Team and id, because this one grants. Where a person is excluded or counted,
# the id alone is compared: that errs on the safe side.
same_person(a, b) if {
	a.id == b.id
	a.team == b.team
}

# --- what may be executed -----------------------------------------------------

denials contains "the change was not rehearsed" if {
	input.stage == "execute"
	not input.rehearsed
}

# What further votes can still bring is a denial as well.
denials contains why if some why in lacking

lacking contains sprintf("%d of %d approvals", [count(votes), quorum]) if {
	input.stage == "execute"
	count(votes) < quorum
}

lacking contains msg if {
	input.stage == "execute"
	labels["countersign.dev/require-signature"] == "true"
	not signed
	msg := sprintf("namespace %s asks for a signature outside Slack: an approver has to run countersign approve INCIDENT", [target.namespace])
}

signed if {
	some id in votes
	id in input.signed
}

denials contains msg if {
	input.stage == "execute"
	not breaking_glass
	not within_quota
	msg := sprintf("%d changes were made in namespace %s within the last hour, %d are allowed", [
		input.changesLastHour,
		target.namespace,
		per_hour,
	])
}

within_quota if input.changesLastHour < per_hour

per_hour := object.get(settings.namespacePerHour, target.namespace, settings.perHour)

votes contains person.id if {
	some person in input.approvals
	person.id != ""
	person.id != input.requester.id
}

# Nothing but votes is missing.
default pending := false

pending if {
	count(lacking) > 0
	count(denials - lacking) == 0
}

# Nothing but time is in the way.
default until := ""

until := max({freeze.ends | some freeze in input.freezes}) if {
	count(frozen) > 0
	count(denials - frozen) == 0
}

# --- how many must agree ------------------------------------------------------

default risk := "high"

risk := input.risk if {
	input.risk in {"low", "medium"}
	not input.diffCut
	pods <= settings.maxPods.high
}

quorum := 1 if {
	breaking_glass
} else := max([2, by_risk]) if {
	input.diffCut # the card cannot show the whole change
} else := by_risk

by_risk := object.get(settings.quorum, risk, 2)
