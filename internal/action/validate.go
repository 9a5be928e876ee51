package action

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Validate checks the form of the action: kind, target, exactly the right
// parameters and their bounds. It cannot know whether the target exists.
func (a Action) Validate() error {
	entry, ok := Lookup(a.Kind)
	if !ok {
		return fmt.Errorf("action kind %q does not exist", clip(string(a.Kind)))
	}
	if err := a.Target.validTarget(); err != nil {
		return err
	}
	if version, ok := entry.TargetKinds[a.Target.Kind]; !ok || version != a.Target.APIVersion {
		return fmt.Errorf("%s cannot act on %s %s", a.Kind, clip(a.Target.APIVersion), clip(a.Target.Kind))
	}
	if a.Bound != "" && !a.Bound.Valid() {
		return errors.New("bound hash is malformed")
	}
	if err := a.Params.validate(a.Kind); err != nil {
		return fmt.Errorf("%s: %w", a.Kind, err)
	}
	return nil
}

func (p Params) validate(k Kind) error {
	set := 0
	for _, present := range []bool{p.DeletePod != nil, p.Restart != nil, p.Rollback != nil, p.SetImage != nil, p.SetResources != nil} {
		if present {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("wants exactly one set of parameters, has %d", set)
	}
	switch {
	case k == DeletePod && p.DeletePod != nil:
		return nil
	case k == Restart && p.Restart != nil:
		return p.Restart.validate()
	case k == Rollback && p.Rollback != nil:
		return p.Rollback.validate()
	case k == SetImage && p.SetImage != nil:
		return p.SetImage.validate()
	case k == SetResources && p.SetResources != nil:
		return p.SetResources.validate()
	}
	return errors.New("the parameters are of another kind")
}

func (p RestartParams) validate() error {
	t, err := time.Parse(time.RFC3339, p.At)
	if err != nil || t.UTC().Format("2006-01-02T15:04:05Z") != p.At {
		return fmt.Errorf("at %q is not a UTC time in whole seconds", clip(p.At))
	}
	return nil
}

func (p RollbackParams) validate() error {
	switch {
	case p.ToRevision < 1 || p.FromRevision < 1 || p.ToRevision == p.FromRevision:
		return fmt.Errorf("revisions %d to %d are not two revisions", p.FromRevision, p.ToRevision)
	case p.To.UID == p.From.UID:
		return errors.New("both revisions are the same ReplicaSet")
	}
	for _, r := range []Pinned{p.To, p.From} {
		if len(r.ReplicaSet) > 253 || !namePattern.MatchString(r.ReplicaSet) {
			return fmt.Errorf("ReplicaSet name %q is not a DNS-1123 name", clip(r.ReplicaSet))
		}
		if !uidPattern.MatchString(r.UID) {
			return fmt.Errorf("ReplicaSet UID %q is not a UID", clip(r.UID))
		}
	}
	return nil
}

func (p SetImageParams) validate() error {
	switch {
	case !labelName.MatchString(p.Container):
		return fmt.Errorf("container %q is not a container name", clip(p.Container))
	case !imagePattern.MatchString(p.To):
		return fmt.Errorf("image %q is not an image reference", clip(p.To))
	case p.From == p.To:
		return errors.New("the image would not change")
	case len(p.From) > 500:
		return errors.New("the current image reference is too long")
	}
	return nil
}

func (p SetResourcesParams) validate() error {
	if !labelName.MatchString(p.Container) {
		return fmt.Errorf("container %q is not a container name", clip(p.Container))
	}
	to, err := memoryQuantity(p.ToMemoryLimit)
	if err != nil || to.Sign() <= 0 {
		return fmt.Errorf("memory limit %q is not a quantity", clip(p.ToMemoryLimit))
	}
	if to.Cmp(resource.MustParse(MaxMemoryLimit)) >= 0 {
		return fmt.Errorf("memory limit %s is not below %s", p.ToMemoryLimit, MaxMemoryLimit)
	}
	if p.FromMemoryLimit != "" {
		from, err := memoryQuantity(p.FromMemoryLimit)
		if err != nil {
			return fmt.Errorf("current memory limit %q is not a quantity", clip(p.FromMemoryLimit))
		}
		if to.Cmp(from) == 0 {
			return errors.New("the memory limit would not change")
		}
		double := from.DeepCopy()
		double.Add(from)
		if to.Cmp(double) > 0 {
			return fmt.Errorf("memory limit %s is more than twice %s", p.ToMemoryLimit, p.FromMemoryLimit)
		}
	}
	return p.validateRequests(to)
}

func (p SetResourcesParams) validateRequests(limit resource.Quantity) error {
	if (p.FromMemoryRequest == "") != (p.ToMemoryRequest == "") {
		return errors.New("a memory request is neither added nor removed")
	}
	for _, q := range []string{p.FromMemoryRequest, p.ToMemoryRequest} {
		if q == "" {
			continue
		}
		r, err := memoryQuantity(q)
		if err != nil || r.Sign() < 0 {
			return fmt.Errorf("memory request %q is not a quantity", clip(q))
		}
		if q == p.ToMemoryRequest && r.Cmp(limit) > 0 {
			return fmt.Errorf("memory request %s exceeds the limit %s", q, p.ToMemoryLimit)
		}
	}
	return nil
}

// memoryQuantity parses an amount as the API server does. It does not ask for
// the canonical spelling: a live object keeps the one it was written with, and
// an inverse has to name it.
func memoryQuantity(s string) (resource.Quantity, error) {
	if len(s) > 30 {
		return resource.Quantity{}, errors.New("too long")
	}
	return resource.ParseQuantity(s)
}
