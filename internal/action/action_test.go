package action

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnActionOutOfFormIsInvalid(t *testing.T) {
	for name, tc := range map[string]struct {
		of     Kind
		change func(*Action)
	}{
		"no kind":                           {Restart, func(a *Action) { a.Kind = "" }},
		"a kind outside the catalogue":      {Restart, func(a *Action) { a.Kind = "exec" }},
		"parameters of another kind":        {Restart, func(a *Action) { a.Kind = SetImage }},
		"no parameters":                     {Restart, func(a *Action) { a.Params = Params{} }},
		"two sets of parameters":            {Restart, func(a *Action) { a.Params.DeletePod = &DeletePodParams{} }},
		"a target of another kind":          {Restart, func(a *Action) { a.Target.Kind = "DaemonSet" }},
		"a target of another API version":   {Restart, func(a *Action) { a.Target.APIVersion = "apps/v1beta1" }},
		"a target without UID":              {Restart, func(a *Action) { a.Target.UID = "" }},
		"a UID in capitals":                 {Restart, func(a *Action) { a.Target.UID = strings.ToUpper(a.Target.UID) }},
		"a flag for a name":                 {Restart, func(a *Action) { a.Target.Name = "--all" }},
		"a path for a name":                 {Restart, func(a *Action) { a.Target.Name = "../x" }},
		"a shell word for a name":           {Restart, func(a *Action) { a.Target.Name = "$(id)" }},
		"a NUL in a name":                   {Restart, func(a *Action) { a.Target.Name = "a\x00b" }},
		"a line break after a name":         {Restart, func(a *Action) { a.Target.Name = "cart\n" }},
		"a right-to-left mark in a name":    {Restart, func(a *Action) { a.Target.Name = "cart\u202e" }},
		"a name of 64 KiB":                  {Restart, func(a *Action) { a.Target.Name = strings.Repeat("a", 64<<10) }},
		"no namespace":                      {Restart, func(a *Action) { a.Target.Namespace = "" }},
		"a flag for a namespace":            {Restart, func(a *Action) { a.Target.Namespace = "-n" }},
		"a malformed bound hash":            {Restart, func(a *Action) { a.Bound = "abc" }},
		"a time with an offset":             {Restart, func(a *Action) { a.Params.Restart.At = "2026-11-20T15:00:00+01:00" }},
		"a time in fractions":               {Restart, func(a *Action) { a.Params.Restart.At = "2026-11-20T14:00:00.5Z" }},
		"a rollback to where it is":         {Rollback, func(a *Action) { a.Params.Rollback.ToRevision = 3 }},
		"a rollback to revision 0":          {Rollback, func(a *Action) { a.Params.Rollback.ToRevision = 0 }},
		"a rollback to the same ReplicaSet": {Rollback, func(a *Action) { a.Params.Rollback.To.UID = thirdUID }},
		"a rollback to no ReplicaSet":       {Rollback, func(a *Action) { a.Params.Rollback.To = Pinned{} }},
		"an image with a blank":             {SetImage, func(a *Action) { a.Params.SetImage.To = "cart:v1 --privileged" }},
		"an image with a line break":        {SetImage, func(a *Action) { a.Params.SetImage.To = "cart:v1\n" }},
		"no image":                          {SetImage, func(a *Action) { a.Params.SetImage.To = "" }},
		"the image that runs":               {SetImage, func(a *Action) { a.Params.SetImage.To = a.Params.SetImage.From }},
		"no container":                      {SetImage, func(a *Action) { a.Params.SetImage.Container = "" }},
		"a path for a container":            {SetImage, func(a *Action) { a.Params.SetImage.Container = "0/image" }},
		"a limit of nothing":                {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = "" }},
		"a limit of zero":                   {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = "0" }},
		"a negative limit":                  {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = "-1Mi" }},
		"a limit beyond double":             {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = "257Mi" }},
		"a limit at the maximum": {SetResources, func(a *Action) {
			a.Params.SetResources.FromMemoryLimit, a.Params.SetResources.ToMemoryLimit = "3Gi", "4Gi"
		}},
		"the same limit in other words":       {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = "134217728" }},
		"a limit that was no quantity before": {SetResources, func(a *Action) { a.Params.SetResources.FromMemoryLimit = "much" }},
		"a request above its limit":           {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryRequest = "300Mi" }},
		"a request that appears":              {SetResources, func(a *Action) { a.Params.SetResources.FromMemoryRequest = "" }},
		"a request that goes":                 {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryRequest = "" }},
		"a quantity of 31 digits":             {SetResources, func(a *Action) { a.Params.SetResources.ToMemoryLimit = strings.Repeat("1", 31) }},
	} {
		a := actions()[tc.of]
		if err := a.Validate(); err != nil {
			t.Fatalf("%s is invalid to begin with: %v", tc.of, err)
		}
		tc.change(&a)
		if err := a.Validate(); err == nil {
			t.Errorf("an action with %s is valid", name)
		}
	}
}

func TestTheInverseOfTheInverseIsTheAction(t *testing.T) {
	for kind, a := range actions() {
		inverse, ok := a.Inverse()
		entry, _ := Lookup(kind)
		if ok != (entry.Irreversible == "") {
			t.Errorf("%s: inverse %t, and the catalogue says %q", kind, ok, entry.Irreversible)
		}
		if !ok {
			continue
		}
		if inverse.Bound != "" {
			t.Errorf("%s: the inverse claims a bound hash", kind)
		}
		back, ok := inverse.Inverse()
		if !ok {
			t.Fatalf("%s: the inverse has none", kind)
		}
		if kind == Rollback { // revisions only grow
			r := back.Params.Rollback
			if r.To != a.Params.Rollback.To || r.From != a.Params.Rollback.From || r.ToRevision != 4 || r.FromRevision != 5 {
				t.Errorf("rollback there and back again is %+v", r)
			}
			continue
		}
		if d := cmp.Diff(a.Params, back.Params); d != "" {
			t.Errorf("%s: there and back again:\n%s", kind, d)
		}
	}
	none := actions()[SetResources]
	none.Params.SetResources.FromMemoryLimit = ""
	if _, ok := none.Inverse(); ok {
		t.Error("a limit that was not there before can be brought back")
	}
}

func TestEachKindMakesOneWriteAndReadsNoSecret(t *testing.T) {
	for _, entry := range Catalogue() {
		for i, rule := range entry.Rules() {
			for _, verb := range rule.Verbs {
				write := verb != "get" && verb != "list" && verb != "watch"
				if write != (i == 0) {
					t.Errorf("%s: rule %d has verb %s", entry.Kind, i, verb)
				}
			}
			for _, res := range rule.Resources {
				if res == "secrets" || strings.Contains(res, "*") || strings.Contains(res, "/") {
					t.Errorf("%s: rule %d names %s", entry.Kind, i, res)
				}
			}
		}
		if entry.Risk == RiskUnknown {
			t.Errorf("%s has no risk", entry.Kind)
		}
	}
}
