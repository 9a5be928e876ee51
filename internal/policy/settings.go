package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/countersign-dev/countersign/internal/action"
)

// Settings are the policy's data. Where a namespace has an entry of its own, it
// replaces the general one.
type Settings struct {
	// Approvers are Slack user and user group ids by namespace; "*" is for the
	// namespaces that have neither a list of their own nor a team. An empty list
	// means nobody.
	Approvers map[string][]string `json:"approvers"`
	// TeamApprovers are the approvers of namespaces that carry TeamLabel. A team
	// that is not named here has none.
	TeamApprovers map[string][]string `json:"teamApprovers"`
	// RiskApprovers by risk: who approves a change of that risk must be in this
	// list as well.
	RiskApprovers map[string][]string `json:"riskApprovers"`
	// BreakGlass are the user ids of those who may approve alone in an emergency.
	BreakGlass []string `json:"breakGlass"`

	Protected      []string                 `json:"protected"`
	Kinds          []action.Kind            `json:"kinds"`
	NamespaceKinds map[string][]action.Kind `json:"namespaceKinds"`

	// Floor is the lower bound that a cause's confidence must reach, 0 to 1.
	Floor     float64        `json:"floor"`
	Quorum    map[string]int `json:"quorum"` // by risk; 2 where a risk is not named
	ReasonFor ReasonFor      `json:"reasonFor"`
	MaxPods   MaxPods        `json:"maxPods"`

	PerHour          int            `json:"perHour"` // in each namespace
	NamespacePerHour map[string]int `json:"namespacePerHour"`
	Freezes          []Freeze       `json:"freezes"`
}

// TeamLabel is the label of a namespace that names the team it belongs to.
const TeamLabel = "countersign.dev/team"

// ReasonFor says which approvals need a reason in words.
type ReasonFor struct {
	Risks      []string `json:"risks"`
	Namespaces []string `json:"namespaces"`
}

// MaxPods bounds how many pods a change may replace: with more than High its
// risk is high, more than Deny is denied.
type MaxPods struct {
	High int `json:"high"`
	Deny int `json:"deny"`
}

// Risks are the words for risk, from the lowest.
func Risks() []string {
	return []string{action.RiskLow.String(), action.RiskMedium.String(), action.RiskHigh.String()}
}

// DefaultSettings name nobody as an approver.
func DefaultSettings() Settings {
	s := Settings{
		Floor: 0.75, PerHour: 10, MaxPods: MaxPods{High: 25, Deny: 250},
		Quorum:    map[string]int{"low": 1, "medium": 1, "high": 2},
		Protected: []string{"kube-system", "kube-public", "kube-node-lease", "gatekeeper-system", "countersign", "countersign-exec"},
	}
	for _, e := range action.Catalogue() {
		s.Kinds = append(s.Kinds, e.Kind)
	}
	return s.whole()
}

// whole is a copy in which every list and map exists, so that settings with one
// meaning have one digest and no rule meets a null.
func (s Settings) whole() Settings {
	s.Approvers, s.TeamApprovers, s.RiskApprovers = lists(s.Approvers), lists(s.TeamApprovers), lists(s.RiskApprovers)
	s.NamespaceKinds = lists(s.NamespaceKinds)
	s.BreakGlass, s.Protected, s.Kinds = list(s.BreakGlass), list(s.Protected), list(s.Kinds)
	s.Quorum, s.NamespacePerHour = numbers(s.Quorum), numbers(s.NamespacePerHour)
	s.ReasonFor.Risks, s.ReasonFor.Namespaces = list(s.ReasonFor.Risks), list(s.ReasonFor.Namespaces)
	s.Freezes = list(s.Freezes)
	return s
}

func list[T any](in []T) []T { return append(make([]T, 0, len(in)), in...) }

func lists[T any](in map[string][]T) map[string][]T {
	out := make(map[string][]T, len(in))
	for k, v := range in {
		out[k] = list(v)
	}
	return out
}

func numbers(in map[string]int) map[string]int {
	out := make(map[string]int, len(in))
	for k, v := range in {
		out[k] = v
	}
	return out
}

// maxFreezes bounds what every decision has to look at.
const maxFreezes = 100

var (
	slackID       = regexp.MustCompile(`^[UWS][A-Z0-9]{1,30}$`)
	namespaceForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	teamForm      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
)

func isNamespace(s string) bool { return namespaceForm.MatchString(s) }

func readable(s string) bool {
	return s != "" && len(s) <= 60 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// check finds everything that is wrong, each with the key at fault, and the
// windows of the freezes.
func (s Settings) check() ([]window, error) {
	var c checker
	c.people("approvers", s.Approvers, func(k string) bool { return k == "*" || isNamespace(k) }, "a namespace or *")
	c.people("teamApprovers", s.TeamApprovers, teamForm.MatchString, "the name of a team")
	c.people("riskApprovers", s.RiskApprovers, isRisk, "a risk (low, medium, high)")
	for n, id := range s.BreakGlass {
		c.must(slackID.MatchString(id) && id[0] != 'S', "breakGlass[%d]: %q is not a Slack user id (U…, W…); groups cannot break glass", n, id)
	}
	for n, ns := range s.Protected {
		c.must(isNamespace(ns), "protected[%d]: %q is not the name of a namespace", n, ns)
	}
	c.kinds("kinds", s.Kinds)
	for ns, kinds := range s.NamespaceKinds {
		c.must(isNamespace(ns), "namespaceKinds: %q is not the name of a namespace", ns)
		c.kinds("namespaceKinds."+ns, kinds)
	}
	c.must(s.Floor >= 0 && s.Floor <= 1, "floor: %v is not between 0 and 1", s.Floor) // so that NaN is refused
	for risk, n := range s.Quorum {
		c.must(isRisk(risk), "quorum: %q is not a risk (low, medium, high)", risk)
		c.must(n >= 1 && n <= 20, "quorum.%s: %d is not between 1 and 20 people", risk, n)
	}
	for n, risk := range s.ReasonFor.Risks {
		c.must(isRisk(risk), "reasonFor.risks[%d]: %q is not a risk (low, medium, high)", n, risk)
	}
	for n, ns := range s.ReasonFor.Namespaces {
		c.must(isNamespace(ns), "reasonFor.namespaces[%d]: %q is not the name of a namespace", n, ns)
	}
	c.must(s.MaxPods.High >= 0, "maxPods.high: %d is below 0", s.MaxPods.High)
	c.must(s.MaxPods.Deny >= s.MaxPods.High, "maxPods.deny: %d is below maxPods.high (%d)", s.MaxPods.Deny, s.MaxPods.High)
	c.must(s.PerHour >= 0, "perHour: %d is below 0; 0 allows no change at all", s.PerHour)
	for ns, n := range s.NamespacePerHour {
		c.must(isNamespace(ns), "namespacePerHour: %q is not the name of a namespace", ns)
		c.must(n >= 0, "namespacePerHour.%s: %d is below 0; 0 allows no change at all", ns, n)
	}
	c.must(len(s.Freezes) <= maxFreezes, "freezes: %d are too many; %d are allowed", len(s.Freezes), maxFreezes)
	var windows []window
	for n, f := range s.Freezes {
		w, err := f.parse()
		c.must(err == nil, "freezes[%d].%v", n, err)
		windows = append(windows, w)
	}
	return windows, c.err()
}

// checker collects faults.
type checker []string

func (c *checker) must(holds bool, format string, args ...any) {
	if !holds {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

func (c *checker) people(key string, by map[string][]string, known func(string) bool, what string) {
	for k, ids := range by {
		c.must(known(k), "%s: %q is not %s", key, k, what)
		for _, id := range ids {
			c.must(slackID.MatchString(id), "%s.%s: %q is not a Slack user id (U…, W…) or user group id (S…); names and e-mail addresses are not accepted", key, k, id)
		}
	}
}

func (c *checker) kinds(key string, kinds []action.Kind) {
	for n, k := range kinds {
		_, known := action.Lookup(k)
		c.must(known, "%s[%d]: %q is not a kind of action", key, n, k)
	}
}

// err is the faults in the order of their keys, as one line.
func (c checker) err() error {
	if len(c) == 0 {
		return nil
	}
	slices.Sort(c)
	return errors.New("policy settings: " + strings.Join(c, "; "))
}

func isRisk(s string) bool { return slices.Contains(Risks(), s) }

// Groups are the user group ids that the settings name anywhere, sorted: whoever
// asks Slack about a person has to ask for these.
func (s Settings) Groups() []string {
	var groups []string
	for _, by := range []map[string][]string{s.Approvers, s.TeamApprovers, s.RiskApprovers} {
		for _, ids := range by {
			for _, id := range ids {
				if strings.HasPrefix(id, "S") && !slices.Contains(groups, id) {
					groups = append(groups, id)
				}
			}
		}
	}
	slices.Sort(groups)
	return groups
}

// approversOf are those of a namespace with these labels, by the same rule as
// the policy that is built in.
func (s Settings) approversOf(namespace, team string) []string {
	if ids, ok := s.Approvers[namespace]; ok {
		return ids
	}
	if team != "" {
		return s.TeamApprovers[team]
	}
	return s.Approvers["*"]
}
