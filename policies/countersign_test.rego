package countersign_test

import data.countersign

settings := {
	"approvers": {"*": ["U1", "U2"], "pay": ["S9"], "nobody": []},
	"protected": ["kube-system"],
	"kinds": ["set-image", "restart"],
	"floor": 0.75,
	"quorum": {"low": 1, "medium": 1, "high": 2},
	"perHour": 2,
}

base := {
	"stage": "propose",
	"now": "2026-11-20T12:00:00Z",
	"mode": "approve",
	"risk": "medium",
	"action": {"kind": "set-image", "target": {"namespace": "shop", "name": "cart"}},
	"confidence": {"measured": true, "lower": 0.8},
	"facts": {"managedBy": "", "namespaceLabels": []},
	"rehearsed": true,
	"undo": false,
	"diffCut": false,
	"requester": {"id": "", "team": ""},
	"approvals": [],
	"history": [],
}

vote := object.union(base, {
	"stage": "approve",
	"verb": "approve",
	"voter": {"person": {"id": "U1", "team": "T1"}, "groups": []},
})

run := object.union(base, {"stage": "execute", "approvals": [{"id": "U1", "team": "T1"}]})

decide(i) := d if {
	d := countersign.decision with input as i with data.settings as settings
}

denied(i, why) if {
	d := decide(i)
	not d.allow
	why in d.reasons
}

test_a_proposal_passes if decide(base).allow

test_a_vote_passes if decide(vote).allow

test_an_execution_passes if decide(run).allow

test_no_stage_denies if denied(object.remove(run, ["stage"]), "the question is of no known stage")

test_an_empty_stage_denies if denied(object.union(run, {"stage": ""}), "the question is of no known stage")

test_an_unknown_stage_denies if denied(object.union(run, {"stage": "EXECUTE"}), "the question is of no known stage")

test_no_mode_denies if denied(object.remove(run, ["mode"]), "remediation is off for this namespace")

test_no_kind_denies if {
	denied(json.remove(run, ["action/kind"]), "actions of kind (none) are not enabled")
}

test_off_denies if denied(object.union(base, {"mode": "off"}), "remediation is off for this namespace")

test_propose_mode_never_executes if {
	denied(object.union(vote, {"mode": "propose"}), "fixes are proposed here, not executed: set remediation mode approve")
}

test_protected_namespace_denies if {
	denied(object.union(base, {"action": {"target": {"namespace": "kube-system"}}}), "namespace kube-system is protected")
}

test_protected_label_denies if {
	labels := [{"key": "countersign.dev/protected", "value": "true"}]
	denied(object.union(base, {"facts": {"namespaceLabels": labels}}), "namespace shop is labelled countersign.dev/protected=true")
}

test_unknown_kind_denies if {
	denied(object.union(base, {"action": {"kind": "scale"}}), "actions of kind scale are not enabled")
}

test_gitops_denies if {
	denied(object.union(base, {"facts": {"managedBy": "Argo CD application shop"}}), "managed by Argo CD application shop, which would revert the change")
}

test_unmeasured_confidence_denies if {
	denied(
		object.union(base, {"confidence": {"measured": false}}),
		"the confidence in this cause is not measured, so no fix is offered: a person has to decide",
	)
}

test_low_confidence_denies if {
	denied(
		object.union(base, {"confidence": {"lower": 0.749}}),
		"the confidence in this cause is at least 74 % (90 % bound), below the floor of 75 %",
	)
}

test_undo_needs_no_confidence if decide(object.union(base, {"undo": true, "confidence": {"measured": false}})).allow

test_empty_list_means_nobody if {
	denied(object.union(vote, {"action": {"target": {"namespace": "nobody"}}}), "nobody is named as an approver for this namespace")
}

test_a_stranger_denies if {
	denied(
		object.union(vote, {"voter": {"person": {"id": "U3"}}}),
		"you are not among the approvers of this namespace",
	)
}

test_a_namespace_list_replaces_the_general_one if {
	denied(object.union(vote, {"action": {"target": {"namespace": "pay"}}}), "you are not among the approvers of this namespace")
}

test_a_group_member_passes if {
	decide(object.union(vote, {
		"action": {"target": {"namespace": "pay"}},
		"voter": {"groups": ["S9"]},
	})).allow
}

test_no_self_approval if {
	denied(object.union(vote, {"requester": {"id": "U1", "team": "T1"}}), "who asked for a change cannot approve it")
}

test_unrehearsed_is_not_executed if denied(object.union(run, {"rehearsed": false}), "the change was not rehearsed")

test_votes_are_counted_once if {
	denied(object.union(run, {"risk": "high", "approvals": [{"id": "U1", "team": "T1"}, {"id": "U1", "team": "T1"}]}), "1 of 2 approvals")
}

test_the_requester_is_not_counted if {
	denied(object.union(run, {"requester": {"id": "U1", "team": "T1"}}), "0 of 1 approvals")
}

test_a_cut_diff_needs_two if {
	decide(object.union(base, {"diffCut": true})).quorum == 2
}

test_unknown_risk_is_high if decide(object.union(base, {"risk": "purple"})).risk == "high"

test_quota if {
	history := [
		{"job": "a", "namespace": "shop", "at": "2026-11-20T11:30:00Z"},
		{"job": "b", "namespace": "shop", "at": "2026-11-20T11:59:00Z"},
		{"job": "c", "namespace": "other", "at": "2026-11-20T11:59:00Z"},
		{"job": "d", "namespace": "shop", "at": "2026-11-20T10:59:00Z"},
	]
	denied(object.union(run, {"history": history}), "2 changes were made in namespace shop within the last hour, 2 are allowed")
	decide(object.union(run, {"history": array.slice(history, 1, 4)})).allow
}
