package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/countersign-dev/countersign/internal/action"
)

// Widens lists in sentences what becomes easier when the new policy and settings
// replace the old: whoever gets power, and every guard that is less. In doubt it
// lists: another list for a namespace, or an altered freeze, is named although it
// may be stricter. Empty means that nothing becomes easier.
func Widens(old, now Settings, oldSource, newSource string) []string {
	var w widening
	if oldSource != newSource {
		w.say("the policy itself is another")
	}
	w.approvers(old, now)
	w.kinds(old, now)
	for _, id := range added(old.BreakGlass, now.BreakGlass) {
		w.say("%s may break glass", id)
	}
	for _, ns := range added(now.Protected, old.Protected) {
		w.say("namespace %s is no longer protected", ns)
	}
	if !(now.Floor >= old.Floor) {
		w.say("the confidence floor goes down from %v to %v", old.Floor, now.Floor)
	}
	for _, risk := range Risks() {
		if before, after := old.quorumOf(risk), now.quorumOf(risk); after < before {
			w.say("changes of %s risk need %d instead of %d approvals", risk, after, before)
		}
	}
	for _, risk := range added(now.ReasonFor.Risks, old.ReasonFor.Risks) {
		w.say("changes of %s risk need no reason any more", risk)
	}
	for _, ns := range added(now.ReasonFor.Namespaces, old.ReasonFor.Namespaces) {
		w.say("changes in namespace %s need no reason any more", ns)
	}
	w.more("pods that a change may replace before its risk is high", old.MaxPods.High, now.MaxPods.High)
	if now.MaxPods.High < old.MaxPods.High && !now.highIsStrictest() {
		w.say("changes of more than %d pods are of high risk, which asks for less than a lower one in some way", now.MaxPods.High)
	}
	w.more("pods that a change may replace", old.MaxPods.Deny, now.MaxPods.Deny)
	w.more("changes an hour in each namespace", old.PerHour, now.PerHour)
	for _, ns := range keysOf(old.NamespacePerHour, now.NamespacePerHour) {
		w.more("changes an hour in namespace "+ns, old.perHourOf(ns), now.perHourOf(ns))
	}
	for _, f := range old.Freezes {
		if !slices.ContainsFunc(now.Freezes, f.sameTimes) {
			w.say("the freeze %q (%s) is gone or another", f.Name, f.Weekly+f.Dates)
		}
	}
	return w
}

// widening is the list as it grows.
type widening []string

func (w *widening) say(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *widening) more(what string, before, after int) {
	if after > before {
		w.say("%s: %d instead of %d", what, after, before)
	}
}

func (w *widening) approvers(old, now Settings) {
	for _, key := range keysOf(old.Approvers, now.Approvers) {
		before, had := old.Approvers[key]
		after, has := now.Approvers[key]
		switch {
		case key == "*" || had && has:
			for _, id := range added(before, after) {
				w.say("%s becomes an approver of %s", id, placeOf(key))
			}
		case had:
			w.say("namespace %s has no approvers of its own any more, so that those of its team or the general ones approve there", key)
		case len(after) > 0:
			w.say("namespace %s gets approvers of its own: %s", key, strings.Join(after, ", "))
		}
	}
	for _, team := range keysOf(old.TeamApprovers, now.TeamApprovers) {
		for _, id := range added(old.TeamApprovers[team], now.TeamApprovers[team]) {
			w.say("%s becomes an approver of team %s", id, team)
		}
	}
	for _, risk := range keysOf(old.RiskApprovers, now.RiskApprovers) {
		before, had := old.RiskApprovers[risk]
		after, has := now.RiskApprovers[risk]
		if had && !has {
			w.say("every approver may approve changes of %s risk", risk)
			continue
		}
		if !had {
			continue // one more list to be in
		}
		for _, id := range added(before, after) {
			w.say("%s may approve changes of %s risk", id, risk)
		}
	}
}

func (w *widening) kinds(old, now Settings) {
	for _, k := range added(old.Kinds, now.Kinds) {
		w.say("actions of kind %s are enabled", k)
	}
	for _, ns := range keysOf(old.NamespaceKinds, now.NamespaceKinds) {
		for _, k := range added(old.kindsOf(ns), now.kindsOf(ns)) {
			w.say("actions of kind %s are enabled in namespace %s", k, ns)
		}
	}
}

func placeOf(key string) string {
	if key == "*" {
		return "all namespaces without a list of their own"
	}
	return "namespace " + key
}

// added are the elements of now that old does not have.
func added[T comparable](old, now []T) []T {
	var more []T
	for _, v := range now {
		if !slices.Contains(old, v) && !slices.Contains(more, v) {
			more = append(more, v)
		}
	}
	return more
}

// keysOf are the keys of both, sorted.
func keysOf[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func (s Settings) quorumOf(risk string) int {
	if n, ok := s.Quorum[risk]; ok {
		return n
	}
	return 2
}

// highIsStrictest tells whether whatever may be done at high risk may be done at
// every lower one. Nothing demands that of settings.
func (s Settings) highIsStrictest() bool {
	high := action.RiskHigh.String()
	tier, limited := s.RiskApprovers[high]
	for _, risk := range Risks() {
		lower, asks := s.RiskApprovers[risk]
		switch {
		case s.quorumOf(high) < s.quorumOf(risk),
			slices.Contains(s.ReasonFor.Risks, risk) && !slices.Contains(s.ReasonFor.Risks, high),
			asks && (!limited || len(added(lower, tier)) > 0):
			return false
		}
	}
	return true
}

func (s Settings) perHourOf(ns string) int {
	if n, ok := s.NamespacePerHour[ns]; ok {
		return n
	}
	return s.PerHour
}

func (s Settings) kindsOf(ns string) []action.Kind {
	if kinds, ok := s.NamespaceKinds[ns]; ok {
		return kinds
	}
	return s.Kinds
}

func (f Freeze) sameTimes(g Freeze) bool {
	return f.Weekly == g.Weekly && f.Dates == g.Dates && slices.Equal(f.Namespaces, g.Namespaces)
}
