package calibration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/incident"
)

// batch is one file of testdata: trials that run side by side in a namespace of
// their own, so that each is a neighbour of the others.
type batch struct {
	Name   string  `json:"-"`
	Shows  state   `json:"shows"` // of trials that name no other
	Trials []trial `json:"trials"`
}

// trial is one workload whose fault, or whose health, is known beforehand.
type trial struct {
	Name     string         `json:"name"`
	Kind     string         `json:"kind"` // Deployment if empty
	Replicas int32          `json:"replicas"`
	Want     incident.Cause `json:"want"` // healthy and unknown are answers, too
	Root     string         `json:"root"` // KIND/NAME; the workload if empty
	Shows    state          `json:"shows"`
	// ConfigMaps and Secrets are made first: names, and the keys they have.
	ConfigMaps map[string][]string `json:"configMaps"`
	Secrets    map[string][]string `json:"secrets"`
	// Service makes a Service of the trial's name, with port 8080.
	Service bool `json:"service"`
	// Before ran as the revision before, and was available.
	Before *pod `json:"before"`
	Pod    pod  `json:"pod"`
}

// healthy is the answer for a workload with which nothing is wrong.
const healthy incident.Cause = "healthy"

// pod is a pod's spec with containers in short form.
type pod struct {
	corev1.PodSpec `json:",inline"`
	InitContainers []container `json:"initContainers"`
	Containers     []container `json:"containers"`
}

// container is a container that, where Says or Exits is given, runs a script
// that says it on stderr and ends with that code; without a code it stays.
type container struct {
	corev1.Container `json:",inline"`
	Says             string `json:"says"`
	Exits            *int   `json:"exits"`
}

const (
	defaultImage = "docker.io/library/busybox:latest"
	staying      = "exec sleep 86400"
)

func (c container) spec() corev1.Container {
	out := c.Container
	if out.Name == "" {
		out.Name = "app"
	}
	if out.Image == "" {
		out.Image = defaultImage
	}
	if out.ImagePullPolicy == "" {
		out.ImagePullPolicy = corev1.PullIfNotPresent
	}
	switch {
	case c.Exits != nil:
		// The text is an argument: nothing in it is the shell's to expand.
		out.Command = []string{"sh", "-c", `[ -z "$0" ] || printf '%s\n' "$0" >&2; sleep 0.3; exit $1`, strings.TrimRight(c.Says, "\n"), strconv.Itoa(*c.Exits)}
	case c.Says != "":
		out.Command = []string{"sh", "-c", `printf '%s\n' "$0" >&2; ` + staying, strings.TrimRight(c.Says, "\n")}
	case len(out.Command) == 0:
		out.Command = []string{"sh", "-c", staying}
	}
	return out
}

func (p pod) spec() corev1.PodSpec {
	out := p.PodSpec
	second := int64(1)
	out.TerminationGracePeriodSeconds = &second
	for _, c := range p.InitContainers {
		out.InitContainers = append(out.InitContainers, c.spec())
	}
	for _, c := range p.Containers {
		out.Containers = append(out.Containers, c.spec())
	}
	return out
}

// wants is the expected answer, cause and root.
func (tr trial) wants() answer {
	if tr.Want == healthy {
		return answer{cause: healthy}
	}
	a := answer{cause: tr.Want, root: tr.Root}
	if a.root == "" {
		a.root = tr.Kind + "/" + tr.Name
	}
	return a
}

func readBatches(t *testing.T) []batch {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no batches in testdata: %v", err)
	}
	var out []batch
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		b := batch{Name: strings.TrimSuffix(filepath.Base(file), ".yaml")}
		if err := yaml.UnmarshalStrict(raw, &b); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if err := b.complete(); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		out = append(out, b)
	}
	return out
}

// complete fills in defaults and refuses what could not be measured.
func (b *batch) complete() error {
	seen := map[string]bool{}
	for i := range b.Trials {
		tr := &b.Trials[i]
		if tr.Kind == "" {
			tr.Kind = "Deployment"
		}
		if tr.Replicas == 0 {
			tr.Replicas = 1
		}
		if tr.Shows == "" {
			tr.Shows = b.Shows
		}
		if tr.Want == healthy {
			tr.Shows = ready
		}
		switch {
		case tr.Name == "" || seen[tr.Name]:
			return fmt.Errorf("the name %q is missing or used twice", tr.Name)
		case !tr.Shows.known():
			return fmt.Errorf("%s: unknown state %q", tr.Name, tr.Shows)
		case tr.Want != healthy && !slices.Contains(incident.Causes(), tr.Want):
			return fmt.Errorf("%s: unknown cause %q", tr.Name, tr.Want)
		case len(tr.Pod.Containers) == 0:
			return fmt.Errorf("%s: no containers", tr.Name)
		}
		seen[tr.Name] = true
	}
	return nil
}
