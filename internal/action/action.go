package action

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Hash is a SHA-256 in lower-case hexadecimal, 64 characters. Empty means
// "not known", which every comparison treats as different.
type Hash string

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Valid reports whether h has the form of a hash.
func (h Hash) Valid() bool { return hashPattern.MatchString(string(h)) }

// Short is the prefix that people compare and Job names carry.
func (h Hash) Short() string {
	if len(h) < 12 {
		return string(h)
	}
	return string(h[:12])
}

// Action is one change to one object. Bound is the hash of what the change
// depends on (BoundHash); it is empty until a rehearsal has measured it, and an
// Action without it can be rehearsed but never approved.
type Action struct {
	Kind   Kind   `json:"kind"`
	Target Ref    `json:"target"`
	Params Params `json:"params"`
	Bound  Hash   `json:"bound,omitempty"`
}

// Params holds the parameters of exactly one kind: the field that is set must
// be the one of Action.Kind.
type Params struct {
	DeletePod    *DeletePodParams    `json:"deletePod,omitempty"`
	Restart      *RestartParams      `json:"restart,omitempty"`
	Rollback     *RollbackParams     `json:"rollback,omitempty"`
	SetImage     *SetImageParams     `json:"setImage,omitempty"`
	SetResources *SetResourcesParams `json:"setResources,omitempty"`
}

// DeletePodParams has nothing to choose: the grace period is the pod's own.
type DeletePodParams struct{}

// RestartParams carries the value that is written as restartedAt (RFC 3339,
// seconds, UTC), fixed when the change is proposed so that the rehearsal and
// the execution write the same bytes.
type RestartParams struct {
	At string `json:"at"`
}

// Pinned is a ReplicaSet that a rollback names: the UID makes it that one.
type Pinned struct {
	ReplicaSet string `json:"replicaSet"`
	UID        string `json:"uid"`
}

// RollbackParams names the ReplicaSet whose template comes back, and the one
// that is left, which the inverse needs.
type RollbackParams struct {
	ToRevision   int64  `json:"toRevision"`
	FromRevision int64  `json:"fromRevision"`
	To           Pinned `json:"to"`
	From         Pinned `json:"from"`
}

// SetImageParams replaces the image of one container. From must be the current
// image, so that the words on the card and the patch cannot differ. Typed says
// that a person typed To; any other image must have run in this workload before.
type SetImageParams struct {
	Container string `json:"container"`
	From      string `json:"from"`
	To        string `json:"to"`
	Typed     bool   `json:"typed,omitempty"`
}

// SetResourcesParams changes the memory limit of one container, and its request
// where the request would exceed or equalled the limit. Quantities are in
// Kubernetes' notation ("256Mi"); an empty FromMemoryLimit means there was none.
// The two requests are both set or both empty: empty leaves the request, if
// there is one, as it is.
type SetResourcesParams struct {
	Container         string `json:"container"`
	FromMemoryLimit   string `json:"fromMemoryLimit,omitempty"`
	ToMemoryLimit     string `json:"toMemoryLimit,omitempty"`
	FromMemoryRequest string `json:"fromMemoryRequest,omitempty"`
	ToMemoryRequest   string `json:"toMemoryRequest,omitempty"`
}

// MaxMemoryLimit bounds what set-resources may ask for; the admission policy
// and the executor use the same figure.
const MaxMemoryLimit = "4Gi"

// imagePattern accepts repository[:tag][@digest] as the distribution
// specification has it, and no whitespace, control or shell character.
var imagePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,400}(@sha256:[0-9a-f]{64})?$`)

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

// Inverse is the action that takes a back, still without a bound hash. When ok
// is false there is none and Entry.Irreversible says why.
func (a Action) Inverse() (inverse Action, ok bool) {
	inverse = Action{Kind: a.Kind, Target: a.Target}
	switch {
	case a.Params.Rollback != nil:
		// The deployment controller numbers the revision that came back one
		// higher than the one that was left.
		p := a.Params.Rollback
		inverse.Params.Rollback = &RollbackParams{
			ToRevision: p.FromRevision, FromRevision: p.FromRevision + 1, To: p.From, From: p.To,
		}
	case a.Params.SetImage != nil:
		p := a.Params.SetImage
		inverse.Params.SetImage = &SetImageParams{Container: p.Container, From: p.To, To: p.From}
	case a.Params.SetResources != nil:
		p := a.Params.SetResources
		if p.FromMemoryLimit == "" {
			return Action{}, false
		}
		inverse.Params.SetResources = &SetResourcesParams{
			Container: p.Container, FromMemoryLimit: p.ToMemoryLimit, ToMemoryLimit: p.FromMemoryLimit,
			FromMemoryRequest: p.ToMemoryRequest, ToMemoryRequest: p.FromMemoryRequest,
		}
	default:
		return Action{}, false
	}
	return inverse, inverse.Validate() == nil
}
