package countersign_test

import data.countersign

settings := {
	"approvers": {"*": ["U1", "U2"], "pay": ["S9"], "nobody": []},
	"teamApprovers": {"tills": ["U5"]},
	"riskApprovers": {"high": ["U2", "S7"]},
	"breakGlass": ["U8", "U1"],
	"protected": ["kube-system"],
	"kinds": ["set-image", "restart", "delete-pod"],
	"namespaceKinds": {"pay": ["restart"]},
	"floor": 0.75,
	"quorum": {"low": 1, "medium": 1, "high": 2},
	"reasonFor": {"risks": ["high"], "namespaces": ["ledger"]},
	"maxPods": {"high": 10, "deny": 50},
	"perHour": 2,
	"namespacePerHour": {"ledger": 1},
	"freezes": [],
}

base := {
	"stage": "propose",
	"now": "2026-11-20T12:00:00Z",
	"mode": "approve",
	"risk": "medium",
	"cause": "image-not-found",
	"action": {"kind": "set-image", "target": {"namespace": "shop", "name": "cart"}},
	"confidence": {"measured": true, "lower": 0.8},
	"facts": {"managedBy": "", "namespaceLabels": [], "desired": 3},
	"rehearsed": true,
	"undo": false,
	"diffCut": false,
	"verb": "",
	"voter": {"person": {"id": "", "team": ""}, "member": false},
	"requester": {"id": "", "team": ""},
	"approvals": [],
	"signed": [],
	"reason": "",
	"changesLastHour": 0,
	"freezes": [],
}

vote := object.union(base, {
	"stage": "approve",
	"verb": "approve",
	"voter": {"person": {"id": "U1", "team": "T1"}, "member": true, "groups": []},
})

run := object.union(base, {"stage": "execute", "approvals": [{"id": "U1", "team": "T1"}]})

# A glass that U8, who is no approver, has broken.
glass := {"glass": {"person": {"id": "U8", "team": "T1"}, "reason": "the till is down"}}

lone_vote := object.union(object.union(vote, glass), {"voter": {"person": {"id": "U8", "team": "T1"}}})

lone_run := object.union(object.union(run, glass), {"approvals": [{"id": "U8", "team": "T1"}]})

freeze := {"freezes": [
	{"name": "weekend", "until": "Mon 23 Nov 2026 08:00 CET", "ends": "2026-11-23T07:00:00Z"},
	{"name": "audit", "until": "Tue 24 Nov 2026 00:00 UTC", "ends": "2026-11-24T00:00:00Z"},
]}

weekend := "namespace shop is frozen until Mon 23 Nov 2026 08:00 CET (weekend)"

label(key, value) := {"facts": {"namespaceLabels": [{"key": key, "value": value}]}}

decide(i) := d if {
	d := countersign.decision with input as i with data.settings as settings
}

denied(i, why) if {
	d := decide(i)
	not d.allow
	why in d.reasons
}

# --- what passes ---------------------------------------------------------------

test_a_proposal_passes if decide(base).allow

test_a_vote_passes if decide(vote).allow

test_an_execution_passes if decide(run).allow

# --- what is missing is denied ---------------------------------------------------

test_nothing_at_all_denies if not decide({}).allow

test_no_stage_denies if denied(object.remove(run, ["stage"]), "the question is of no known stage")

test_an_empty_stage_denies if denied(object.union(run, {"stage": ""}), "the question is of no known stage")

test_an_unknown_stage_denies if denied(object.union(run, {"stage": "EXECUTE"}), "the question is of no known stage")

test_no_mode_denies if denied(object.remove(run, ["mode"]), "remediation is off for this namespace")

test_no_kind_denies if {
	denied(json.remove(run, ["action/kind"]), "actions of kind (none) are not enabled here")
}

incomplete := "the question is incomplete: something is missing, or is not what it should be"

test_every_missing_field_denies if {
	every question in [base, vote, run] {
		every field in object.keys(question) {
			not decide(object.remove(question, [field])).allow
		}
		every field in ["facts/desired", "facts/managedBy", "action/target/namespace", "requester/id"] {
			denied(json.remove(question, [field]), incomplete)
		}
		every field in ["confidence/lower", "confidence/measured", "action/kind", "action/target"] {
			not decide(json.remove(question, [field])).allow
		}
	}
}

test_a_field_of_another_type_denies if {
	every field in {"freezes", "changesLastHour"} {
		denied(object.union(object.remove(run, [field]), {field: null}), incomplete)
	}
}

test_every_missing_setting_denies if {
	every question in [base, vote, run] {
		every key in object.keys(settings) - {"freezes"} {
			not allowed_with(question, object.remove(settings, [key]))
		}
		not allowed_with(question, json.remove(settings, ["maxPods/deny"]))
	}
}

allowed_with(question, others) if {
	d := countersign.decision with input as question with data.settings as others
	d.allow
}

test_no_voter_denies if not decide(object.remove(vote, ["voter"])).allow

test_an_unknown_verb_denies if denied(object.union(vote, {"verb": "force"}), "a press asks for something that is not known")

# --- what may be changed -----------------------------------------------------------

test_off_denies if denied(object.union(base, {"mode": "off"}), "remediation is off for this namespace")

test_propose_mode_never_executes if {
	denied(object.union(vote, {"mode": "propose"}), "fixes are proposed here, not executed: set remediation mode approve")
}

test_protected_namespace_denies if {
	denied(object.union(base, {"action": {"target": {"namespace": "kube-system"}}}), "namespace kube-system is protected")
}

test_protected_label_denies if {
	denied(
		object.union(base, label("countersign.dev/protected", "true")),
		"namespace shop is labelled countersign.dev/protected=true",
	)
}

test_unknown_kind_denies if {
	denied(object.union(base, {"action": {"kind": "scale"}}), "actions of kind scale are not enabled here")
}

test_a_namespace_has_its_own_kinds if {
	pay := {"action": {"target": {"namespace": "pay"}}}
	denied(object.union(base, pay), "actions of kind set-image are not enabled here")
	decide(object.union(object.union(base, pay), {"action": {"kind": "restart"}})).allow
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

test_too_many_pods_deny if {
	denied(object.union(base, {"facts": {"desired": 51}}), "the change replaces 51 pods at once, 50 are allowed")
	decide(object.union(base, {"facts": {"desired": 50}})).allow
}

test_a_pod_is_one_pod if {
	d := decide(object.union(base, {"facts": {"desired": 51}, "action": {"kind": "delete-pod"}}))
	d.allow
	d.risk == "medium"
}

test_a_freeze_denies_at_every_stage if {
	every question in [base, vote, run, object.union(vote, {"verb": "edit"}), object.union(vote, {"verb": "undo"})] {
		denied(object.union(question, freeze), weekend)
	}
}

test_a_freeze_says_when_the_last_window_ends if {
	decide(object.union(base, freeze)).until == "2026-11-24T00:00:00Z"
	decide(base).until == ""
}

test_what_time_does_not_end_has_no_end if {
	decide(object.union(base, object.union(freeze, {"mode": "off"}))).until == ""
}

test_a_freeze_stops_no_rejection if decide(object.union(vote, object.union(freeze, {"verb": "reject"}))).allow

# --- whose press counts --------------------------------------------------------------

test_empty_list_means_nobody if {
	every question in [vote, run] {
		denied(object.union(question, {"action": {"target": {"namespace": "nobody"}}}), "nobody is named as an approver for this namespace")
	}
}

test_a_stranger_denies if {
	every verb in {"approve", "reject", "edit", "undo", "review"} {
		denied(
			object.union(vote, {"verb": verb, "voter": {"person": {"id": "U3"}}}),
			"you are not among the approvers of this namespace",
		)
	}
}

test_a_guest_denies if {
	denied(object.union(vote, {"voter": {"member": false}}), "you are not a full member of this Slack workspace")
}

test_a_namespace_list_replaces_the_general_one if {
	denied(object.union(vote, {"action": {"target": {"namespace": "pay"}}}), "you are not among the approvers of this namespace")
}

test_a_group_member_passes if {
	decide(object.union(vote, {
		"action": {"kind": "restart", "target": {"namespace": "pay"}},
		"voter": {"groups": ["S9"]},
	})).allow
}

test_a_team_has_its_own_list if {
	tills := label("countersign.dev/team", "tills")
	denied(object.union(vote, tills), "you are not among the approvers of this namespace")
	decide(object.union(object.union(vote, tills), {"voter": {"person": {"id": "U5"}}})).allow
}

test_a_namespace_list_goes_before_the_team if {
	denied(
		object.union(object.union(vote, label("countersign.dev/team", "tills")), {
			"action": {"target": {"namespace": "pay"}},
			"voter": {"person": {"id": "U5"}},
		}),
		"you are not among the approvers of this namespace",
	)
}

test_an_unknown_team_has_nobody if {
	denied(
		object.union(vote, label("countersign.dev/team", "tilsl")),
		"namespace shop belongs to team tilsl, for which nobody is named as an approver",
	)
}

test_a_tier_asks_for_more if {
	high := object.union(vote, {"risk": "high", "reason": "the shop is closed"})
	denied(high, "you are not among those who approve changes of high risk")
	decide(object.union(high, {"voter": {"person": {"id": "U2"}}})).allow
	decide(object.union(high, {"voter": {"groups": ["S7"]}})).allow
	denied(object.union(high, {"voter": {"person": {"id": "U3"}, "groups": ["S7"]}}), "you are not among the approvers of this namespace")
}

test_no_self_approval if {
	denied(object.union(vote, {"requester": {"id": "U1", "team": "T1"}}), "who asked for a change cannot approve it")
}

test_another_workspace_is_no_other_person if {
	denied(object.union(vote, {"requester": {"id": "U1", "team": "T2"}}), "who asked for a change cannot approve it")
}

test_who_asked_may_reject_or_edit if {
	every verb in {"reject", "edit"} {
		decide(object.union(vote, {"verb": verb, "requester": {"id": "U1", "team": "T1"}})).allow
	}
}

# --- reasons -------------------------------------------------------------------------

test_a_risk_needs_a_reason if {
	high := object.union(vote, {"risk": "high", "voter": {"person": {"id": "U2"}}})
	denied(high, "this approval needs a reason")
	denied(object.union(high, {"reason": " \t"}), "this approval needs a reason")
	decide(object.union(high, {"reason": "agreed with the shop"})).allow
	decide(object.union(high, {"verb": "reject"})).allow
}

test_a_namespace_needs_a_reason if {
	ledger := {"action": {"target": {"namespace": "ledger"}}}
	d := decide(object.union(base, ledger))
	d.allow
	d.needsReason
	denied(object.union(run, ledger), "this approval needs a reason")
	decide(object.union(object.union(run, ledger), {"reason": "agreed"})).allow
}

test_no_reason_is_asked_elsewhere if not decide(base).needsReason

# --- broken glass --------------------------------------------------------------------

test_the_glass_breaker_approves_alone if {
	high := {"risk": "high"}
	decide(lone_vote).allow
	decide(object.union(lone_vote, high)).allow
	d := decide(object.union(lone_run, high))
	d.allow
	d.quorum == 1
	decide(object.union(lone_run, {"diffCut": true})).allow
}

test_glass_breaks_freeze_and_quota if {
	decide(object.union(object.union(base, glass), freeze)).allow
	decide(object.union(lone_vote, freeze)).allow
	decide(object.union(object.union(lone_run, freeze), {"changesLastHour": 99})).allow
}

test_glass_needs_no_approver_list if {
	decide(object.union(lone_run, {"action": {"target": {"namespace": "nobody"}}})).allow
}

test_glass_breaks_nothing_else if {
	every question in [lone_vote, lone_run] {
		denied(object.union(question, {"action": {"target": {"namespace": "kube-system"}}}), "namespace kube-system is protected")
		denied(object.union(question, label("countersign.dev/protected", "true")), "namespace shop is labelled countersign.dev/protected=true")
		denied(object.union(question, {"action": {"kind": "scale"}}), "actions of kind scale are not enabled here")
		denied(object.union(question, {"mode": "off"}), "remediation is off for this namespace")
		denied(object.union(question, {"confidence": {"measured": false}}), "the confidence in this cause is not measured, so no fix is offered: a person has to decide")
		denied(object.union(question, {"facts": {"desired": 51}}), "the change replaces 51 pods at once, 50 are allowed")
	}
	denied(object.union(lone_run, {"rehearsed": false}), "the change was not rehearsed")
	denied(object.union(lone_run, label("countersign.dev/require-signature", "true")), unsigned)
	denied(object.union(lone_vote, {"requester": {"id": "U8", "team": "T1"}}), "who asked for a change cannot approve it")
	denied(object.union(lone_run, {"requester": {"id": "U8", "team": "T1"}}), "0 of 1 approvals")
	denied(object.union(lone_vote, {"voter": {"member": false}}), "you are not a full member of this Slack workspace")
}

test_glass_is_for_one_person if {
	denied(object.union(object.union(vote, glass), freeze), weekend)
	denied(object.union(object.union(run, glass), freeze), weekend)
	denied(object.union(lone_vote, {"voter": {"person": {"team": "T2"}}}), "you are not among the approvers of this namespace")
	decide(object.union(object.union(run, glass), {"risk": "high", "reason": "x"})).quorum == 2
}

test_glass_only_approves if {
	every verb in {"reject", "edit", "undo"} {
		denied(object.union(lone_vote, {"verb": verb}), "you are not among the approvers of this namespace")
	}
}

test_only_those_named_break_glass if {
	stranger := {"glass": {"person": {"id": "U3", "team": "T1"}}}
	denied(object.union(object.union(lone_vote, stranger), {"voter": {"person": {"id": "U3"}}}), "you are not among the approvers of this namespace")
	denied(object.union(lone_run, object.union(stranger, {"approvals": [{"id": "U3", "team": "T1"}], "risk": "high"})), "1 of 2 approvals")
}

test_glass_needs_a_reason if denied(object.union(lone_vote, {"glass": {"reason": " "}}), "you are not among the approvers of this namespace")

test_a_review_is_anothers if {
	review := object.union(object.union(vote, glass), {"verb": "review"})
	decide(review).allow
	denied(object.union(review, {"glass": {"person": {"id": "U1", "team": "T1"}}}), "who broke the glass cannot review it")
	denied(object.remove(review, ["glass"]), "it is not known who broke the glass")
}

test_nothing_that_forbids_a_change_forbids_its_review if {
	review := object.union(object.union(object.union(vote, glass), freeze), {"verb": "review", "mode": "off"})
	decide(review).allow
}

# --- what may be executed --------------------------------------------------------------

test_unrehearsed_is_not_executed if denied(object.union(run, {"rehearsed": false}), "the change was not rehearsed")

test_without_votes_nothing_is_executed if denied(object.union(run, {"approvals": []}), "0 of 1 approvals")

test_votes_are_counted_once if {
	twice := {"reason": "x", "risk": "high", "approvals": [{"id": "U1", "team": "T1"}, {"id": "U1", "team": "T2"}]}
	denied(object.union(run, twice), "1 of 2 approvals")
}

test_two_people_are_two if {
	two := {"reason": "x", "risk": "high", "approvals": [{"id": "U1", "team": "T1"}, {"id": "U2", "team": "T1"}]}
	decide(object.union(run, two)).allow
}

test_the_requester_is_not_counted if {
	denied(object.union(run, {"requester": {"id": "U1", "team": "T1"}}), "0 of 1 approvals")
}

test_nobody_is_no_vote if denied(object.union(run, {"approvals": [{"id": "", "team": "T1"}]}), "0 of 1 approvals")

unsigned := "namespace shop asks for a signature outside Slack: an approver has to run countersign approve INCIDENT"

test_a_namespace_asks_for_a_signature if {
	asks := object.union(run, label("countersign.dev/require-signature", "true"))
	denied(asks, unsigned)
	denied(object.union(asks, {"signed": ["U2"]}), unsigned)
	denied(object.union(asks, {"signed": ["U1"], "requester": {"id": "U1", "team": "T1"}}), unsigned)
	decide(object.union(asks, {"signed": ["U1"]})).allow
	decide(object.union(vote, label("countersign.dev/require-signature", "true"))).allow
}

test_what_votes_can_bring_is_pending if {
	d := decide(object.union(run, label("countersign.dev/require-signature", "true")))
	d.pending
	decide(object.union(run, {"approvals": []})).pending
	not decide(run).pending
	not decide(object.union(run, {"approvals": [], "rehearsed": false})).pending
}

test_a_cut_diff_needs_two if {
	d := decide(object.union(base, {"diffCut": true}))
	d.quorum == 2
	one := json.patch(settings, [{"op": "replace", "path": "/quorum/high", "value": 1}])
	still := countersign.decision with input as object.union(base, {"diffCut": true}) with data.settings as one
	still.quorum == 2
}

test_unknown_risk_is_high if decide(object.union(base, {"risk": "purple"})).risk == "high"

test_many_pods_are_high_risk if {
	d := decide(object.union(base, {"facts": {"desired": 11}}))
	d.risk == "high"
	d.quorum == 2
	decide(object.union(base, {"facts": {"desired": 10}})).risk == "medium"
}

test_a_risk_without_a_quorum_needs_two if {
	none := json.patch(settings, [{"op": "remove", "path": "/quorum/medium"}])
	d := countersign.decision with input as base with data.settings as none
	d.quorum == 2
}

test_quota if {
	denied(object.union(run, {"changesLastHour": 2}), "2 changes were made in namespace shop within the last hour, 2 are allowed")
	decide(object.union(run, {"changesLastHour": 1})).allow
}

test_a_namespace_has_its_own_quota if {
	ledger := object.union(run, {"action": {"target": {"namespace": "ledger"}}, "reason": "x", "changesLastHour": 1})
	denied(ledger, "1 changes were made in namespace ledger within the last hour, 1 are allowed")
}

# --- steering -----------------------------------------------------------------

steer := object.union(vote, {"stage": "steer", "verb": "resume", "mode": "off", "requester": {"id": ""}})

test_an_approver_resumes if decide(json.remove(steer, ["action/target/namespace"])).allow

test_a_member_who_is_no_approver_stops_and_does_not_resume if {
	decide(object.union(steer, {"verb": "stop", "voter": {"person": {"id": "U7"}}})).allow
	denied(object.union(steer, {"voter": {"person": {"id": "U7"}}}), "you are not among the general approvers (approvers, *)")
}

test_who_is_no_member_does_not_stop if {
	denied(object.union(steer, {"verb": "stop", "voter": {"member": false}}), "you are not a full member of this Slack workspace")
}

test_steering_takes_known_commands_only if {
	denied(object.union(steer, {"verb": "edit"}), "a command asks for something that is not known")
}

test_glass_is_broken_by_those_named_and_with_a_reason if {
	breaker := object.union(steer, {"verb": "break-glass", "reason": "checkout is down", "voter": {"person": {"id": settings.breakGlass[0]}}})
	decide(breaker).allow
	denied(object.union(breaker, {"reason": " "}), "breaking the glass needs a reason")
	denied(object.union(breaker, {"voter": {"person": {"id": "U1x"}}}), "you are not among those who may break the glass (breakGlass)")
}

test_a_command_of_nobody_denies if {
	every verb in {"stop", "resume", "break-glass", "approve", "reject"} {
		not decide(object.remove(object.union(steer, {"verb": verb, "reason": "x"}), ["voter"])).allow
	}
	not decide(json.remove(object.union(steer, {"verb": "break-glass", "reason": "x"}), ["voter/person"])).allow
	not decide(object.remove(steer, ["verb"])).allow
}

test_who_asked_does_not_agree if {
	denied(object.union(steer, {"verb": "approve", "requester": {"id": "U1"}}), "who asked for a change cannot approve it")
}

# --- what must not be forbidden -------------------------------------------------

test_mode_propose_proposes if decide(object.union(base, {"mode": "propose"})).allow

test_a_proposal_comes_before_its_rehearsal if decide(object.union(base, {"rehearsed": false})).allow

test_an_undo_passes_with_any_confidence if decide(object.union(base, {"undo": true, "confidence": {"lower": 0.1}})).allow

test_a_proposal_waits_for_no_approver if {
	decide(object.union(base, {"action": {"target": {"namespace": "nobody"}}})).allow
}

test_others_may_approve_what_somebody_asked_for if {
	decide(object.union(vote, {"requester": {"id": "U2", "team": "T1"}})).allow
	decide(object.union(run, {"requester": {"id": "U2", "team": "T1"}})).allow
}

test_the_quota_stops_no_vote if decide(object.union(vote, {"changesLastHour": 99})).allow

test_nobody_is_said_once if {
	nobody := object.union(vote, {"action": {"target": {"namespace": "nobody"}}})
	decide(nobody).reasons == ["nobody is named as an approver for this namespace"]
}

test_stopping_needs_no_approvers if {
	nobody := object.union(object.remove(settings, ["approvers"]), {"approvers": {}})
	d := countersign.decision with input as object.union(steer, {"verb": "stop"}) with data.settings as nobody
	d.allow
}

# --- a verb means something at its own stage only ---------------------------------

test_no_verb_opens_another_stage if {
	denied(object.union(object.union(run, freeze), {"verb": "reject"}), weekend)
	denied(object.union(run, {"verb": "review", "mode": "off"}), "remediation is off for this namespace")
	pressed := {"verb": "approve", "voter": {"person": {"id": "U8", "team": "T1"}}, "approvals": [{"id": "U1", "team": "T1"}]}
	denied(object.union(object.union(lone_run, freeze), pressed), weekend)
	decide(object.union(base, {"verb": "approve", "action": {"target": {"namespace": "ledger"}}})).allow
}
