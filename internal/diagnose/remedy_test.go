package diagnose

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
)

// kindsOf is what each way to a candidate makes.
var kindsOf = map[offering]action.Kind{
	offerPod: action.DeletePod, offerImage: action.SetImage, offerMemory: action.SetResources,
	offerRollback: action.Rollback, offerRestart: action.Restart,
}

func TestEveryCauseHasOneRowThatSaysWhatCanBeDone(t *testing.T) {
	tables := []map[incident.Cause]remedy{startRemedies, runRemedies, placeRemedies, refusalRemedies, neighbourRemedies, controlRemedies}
	for _, c := range incident.Causes() {
		rows := 0
		for _, table := range tables {
			if _, ok := table[c]; ok {
				rows++
			}
		}
		if r := remedyOf(c); rows != 1 || r.people.IsEmpty() {
			t.Errorf("%s has %d rows, and says %q where nothing is offered", c, rows, r.people)
		}
		if r := remedyOf(c); (r.traces&traceFields != 0) != (len(r.fields) > 0) {
			t.Errorf("%s: fields %q do not fit its traces", c, r.fields)
		}
	}
	for _, table := range tables {
		for c := range table {
			if !slices.Contains(incident.Causes(), c) {
				t.Errorf("%q is no cause", c)
			}
		}
	}
	if r := remedyOf("a cause of tomorrow"); len(r.offers) != 0 || r.traces != 0 {
		t.Errorf("what has no row is offered %v", r.offers)
	}
}

// TestOnlyTheseCausesHaveButtons is the list that was reviewed: whoever adds a
// cause to it says here that the change removes the cause, or marks it as one
// that does not.
func TestOnlyTheseCausesHaveButtons(t *testing.T) {
	reviewed := map[incident.Cause][]action.Kind{
		incident.ImageNotFound:            {action.SetImage, action.Rollback},
		incident.ImageNameInvalid:         {action.SetImage, action.Rollback},
		incident.ImageNeverPulled:         {action.SetImage, action.Rollback},
		incident.ImagePlatformMismatch:    {action.SetImage, action.Rollback},
		incident.ImageRegistryUnreachable: {action.SetImage, action.Rollback},
		incident.ImagePullUnauthorized:    {action.SetImage, action.Rollback},
		incident.RunAsNonRootViolation:    {action.SetImage, action.Rollback},
		incident.CommandNotFound:          {action.Rollback},
		incident.ConfigMapMissing:         {action.Rollback},
		incident.ConfigMapKeyMissing:      {action.Rollback},
		incident.SecretMissing:            {action.Rollback},
		incident.SecretKeyMissing:         {action.Rollback},
		incident.EnvVarMissing:            {action.Rollback},
		incident.InitContainerFailed:      {action.Rollback},
		incident.ProbeMisconfigured:       {action.Rollback},
		incident.RolloutStuck:             {action.Rollback},
		incident.InsufficientCPU:          {action.Rollback},
		incident.InsufficientMemory:       {action.Rollback},
		incident.InsufficientResource:     {action.Rollback},
		incident.AppError:                 {action.DeletePod, action.Rollback},
		incident.OOMKilled:                {action.SetResources, action.Rollback},
		incident.StartupProbeFailing:      {action.DeletePod, action.Rollback},
		incident.LivenessProbeFailing:     {action.DeletePod, action.Rollback, action.Restart},
		incident.ReadinessProbeFailing:    {action.DeletePod, action.Rollback, action.Restart},
	}
	for _, c := range incident.Causes() {
		var have []action.Kind
		for _, o := range remedyOf(c).offers {
			have = append(have, kindsOf[o])
		}
		if !slices.Equal(have, reviewed[c]) {
			t.Errorf("%s offers %v, reviewed were %v", c, have, reviewed[c])
		}
	}
}

// hiding are the changes that relieve and do not cure.
var hiding = []action.Kind{action.DeletePod, action.Restart, action.SetResources}

func TestCandidatesKeepToTheTableAndSayWhatTheyRestOn(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			w := readWant(t, dir)
			_, s := readCapture(t, dir)
			kind, name := split(w.Subject)
			d := Diagnose(s, kube.Key(kind, namespaceOf(s), name), Options{Now: s.Taken}).Diagnosis
			if w.Healthy {
				return
			}
			if len(d.Candidates) == 0 && d.NoFix.IsEmpty() || len(d.Candidates) > 0 && !d.NoFix.IsEmpty() {
				t.Errorf("%d candidates, and the reason for none is %q", len(d.Candidates), d.NoFix)
			}
			if len(d.Steps) == 0 {
				t.Error("no step for people")
			}
			var allowed []action.Kind
			for _, o := range remedyOf(d.Cause).offers {
				allowed = append(allowed, kindsOf[o])
			}
			for _, c := range d.Candidates {
				entry, _ := action.Lookup(c.Action.Kind)
				_, inverse := c.Action.Inverse()
				switch {
				case !slices.Contains(allowed, c.Action.Kind):
					t.Errorf("%s is not in the row of %s", c.Action.Kind, d.Cause)
				case c.Why.IsEmpty() || c.Given.IsEmpty():
					t.Errorf("%s does not say why, or what was looked at: %q, %q", c.Action.Kind, c.Why, c.Given)
				case !inverse && entry.Irreversible == "":
					t.Errorf("%s has no inverse and does not say so", c.Action.Kind)
				case slices.Contains(hiding, c.Action.Kind) != c.Symptomatic:
					t.Errorf("%s hides the cause: %v", c.Action.Kind, c.Symptomatic)
				}
			}
		})
	}
}

func TestAPausedOrDyingDeploymentIsNotChanged(t *testing.T) {
	if n := len(captured(t, "image-not-found", nil).Diagnosis.Candidates); n == 0 {
		t.Fatal("the case offers nothing by itself")
	}
	for name, change := range map[string]func(*kube.Snapshot){
		"paused": func(s *kube.Snapshot) { s.Deployments[0].Spec.Paused = true },
		"dying":  func(s *kube.Snapshot) { now := s.Pods[0].CreationTimestamp; s.Deployments[0].DeletionTimestamp = &now },
	} {
		if d := captured(t, "image-not-found", change).Diagnosis; len(d.Candidates) != 0 || d.NoFix.IsEmpty() {
			t.Errorf("%s: offered %v, none because %q", name, d.Candidates, d.NoFix)
		}
	}
}
