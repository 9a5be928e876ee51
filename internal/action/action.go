package action

import (
	"regexp"
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
