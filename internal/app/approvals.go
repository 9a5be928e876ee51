package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// approvals is the gate's second way in, beside Slack: who signs the terms of an
// offer with an SSH key approves or rejects it. It is reached through the API server's
// proxy. Nothing here is secret, and nothing counts but a signature: who else
// reaches the port can read what is offered.
type approvals struct {
	load     func(ctx context.Context, id incident.ID) (incident.Incident, error)
	write    func(ctx context.Context, id incident.ID, bodies ...incident.Body) error
	vouch    func(ctx context.Context) error // as for a press in Slack
	signers  func() action.AllowedSigners
	team     string // of the workspace; with the signer's id it names a person
	redactor *redact.Redactor
	now      func() time.Time
	log      *slog.Logger
	limit    *rate.Limiter
}

// Offer is what a signer is shown and signs.
type Offer struct {
	Incident string `json:"incident"`
	State    string `json:"state"` // offered, none, or what has become of it
	// Terms are the canonical bytes; the signer's side decodes, checks and shows
	// them itself.
	Terms     []byte      `json:"terms,omitempty"`
	Digest    action.Hash `json:"digest,omitempty"`
	Diff      string      `json:"diff,omitempty"` // as the rehearsal reported it
	Quorum    int         `json:"quorum,omitempty"`
	Approvals []string    `json:"approvals,omitempty"` // ids, "U1 (signed)"
}

// Signed is what a signer sends.
type Signed struct {
	Digest    action.Hash      `json:"digest"`
	Signature action.Signature `json:"signature"`
	Reason    string           `json:"reason,omitempty"`
}

const (
	maxSigned    = 32 << 10 // bytes
	maxSaid      = 300      // of a reason
	requestsRate = 20       // a second, from everybody together
)

var incidentForm = regexp.MustCompile(`^i[0-9a-f]{12}$`)

func (a *approvals) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/incidents/{id}", a.offer)
	mux.HandleFunc("POST /v1/incidents/{id}/approvals", func(w http.ResponseWriter, r *http.Request) { a.sign(w, r, incident.Approve) })
	mux.HandleFunc("POST /v1/incidents/{id}/rejections", func(w http.ResponseWriter, r *http.Request) { a.sign(w, r, incident.Reject) })
	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.limit.Allow() {
			http.Error(w, "too many requests: try again in a second", http.StatusTooManyRequests)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		mux.ServeHTTP(w, r.WithContext(ctx))
	}), maxSigned)
}

func (a *approvals) find(w http.ResponseWriter, r *http.Request) (incident.Incident, bool) {
	id := r.PathValue("id")
	if !incidentForm.MatchString(id) {
		http.Error(w, "that is not the id of an incident", http.StatusBadRequest)
		return incident.Incident{}, false
	}
	i, err := a.load(r.Context(), incident.ID(id))
	switch {
	case err != nil:
		a.log.Warn("an incident could not be read for a signer", "incident", id, "err", err)
		http.Error(w, "the incident cannot be read now", http.StatusServiceUnavailable)
		return i, false
	case i.ID == "":
		http.Error(w, "there is no incident "+id, http.StatusNotFound)
		return i, false
	}
	return i, true
}

func (a *approvals) offer(w http.ResponseWriter, r *http.Request) {
	i, ok := a.find(w, r)
	if !ok {
		return
	}
	o := Offer{Incident: string(i.ID), State: stateOf(i)}
	if cur := i.Current(); cur != nil && cur.Proposed != nil {
		raw, err := cur.Proposed.Terms.Canonical()
		if err != nil {
			http.Error(w, "the offer has no canonical form", http.StatusInternalServerError)
			return
		}
		o.Terms, o.Digest, o.Quorum = raw, cur.Proposed.Digest, cur.Proposed.Decision.Quorum
		o.Diff = cur.Report.Diff.String()
		for _, v := range cur.Approvals() {
			who := v.Person.ID
			if v.Signature != nil {
				who += " (signed)"
			}
			o.Approvals = append(o.Approvals, who)
		}
	}
	answer(w, http.StatusOK, o)
}

// stateOf says in a word or a sentence where the offer stands.
func stateOf(i incident.Incident) string {
	cur := i.Current()
	switch {
	case i.Closed != "":
		return "closed: " + i.Closed
	case cur == nil || cur.Proposed == nil:
		return "none"
	case cur.Executed != nil:
		return "executed: " + cur.Executed.Report.State
	case cur.Launched != nil:
		return "running"
	case cur.Lapsed != "":
		return "lapsed: " + cur.Lapsed
	case cur.Decided != nil:
		return "decided"
	case !cur.Open():
		return "none"
	}
	return "offered"
}

// sign writes a signature down as a press. Whether it counts is judged like
// every other, with the keys as they are then; what is plainly wrong is refused
// here already.
func (a *approvals) sign(w http.ResponseWriter, r *http.Request, verb incident.Verb) {
	i, ok := a.find(w, r)
	if !ok {
		return
	}
	var s Signed
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil || len(s.Reason) > maxSaid {
		http.Error(w, "that is no signature (or its reason is too long)", http.StatusBadRequest)
		return
	}
	cur := i.ByDigest(s.Digest)
	if cur == nil || !cur.Open() {
		http.Error(w, "what was signed is not open for approval: "+stateOf(i), http.StatusConflict)
		return
	}
	verify := a.signers().Verify
	if verb == incident.Reject {
		verify = a.signers().VerifyRejection
	}
	if err := verify(cur.Proposed.Terms, s.Signature, a.now()); err != nil {
		http.Error(w, "the signature does not count: "+err.Error(), http.StatusForbidden)
		return
	}
	card, _ := i.Thread()
	click := &incident.Clicked{
		Click: "s" + shortSum(string(s.Digest), s.Signature.Signer, s.Signature.SSHSig), Verb: verb, Digest: s.Digest,
		Person:  incident.Person{ID: s.Signature.Signer, Team: a.team},
		Channel: card.Channel, Message: card.TS, PressedAt: a.now().UTC(),
		Said: incident.Said{Via: incident.ViaSigned, Signature: &s.Signature, Reason: a.redactor.Redact(s.Reason)},
	}
	if i.Answered[click.Click] {
		http.Error(w, "this signature was judged already", http.StatusConflict)
		return
	}
	written := slices.ContainsFunc(i.Clicks, func(c incident.Clicked) bool { return c.Click == click.Click })
	if written {
		a.log.Info("a signature came again before it was judged", "incident", i.ID)
	} else if err := a.write(r.Context(), i.ID, click); err != nil {
		a.log.Warn("a signature could not be written down", "incident", i.ID, "err", err)
		http.Error(w, "the signature could not be written down, so it does not count: try again", http.StatusServiceUnavailable)
		return
	}
	if err := a.vouch(r.Context()); err != nil {
		a.log.Warn("a signature is written down and not vouched for", "incident", i.ID, "err", err)
		http.Error(w, "the signature is written down, but could be lost unnoticed: look whether it counts, and sign again if not", http.StatusServiceUnavailable)
		return
	}
	answer(w, http.StatusAccepted, Offer{Incident: string(i.ID), State: "written down"})
}

func shortSum(parts ...string) string {
	raw, _ := json.Marshal(parts) // strings always encode
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:10])
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who asked is gone
}

// serve listens until ctx ends. Port 0 turns it off.
func (a *approvals) serve(ctx context.Context, group *errgroup.Group, port int) error {
	a.limit = rate.NewLimiter(requestsRate, requestsRate)
	return serveHTTP(ctx, group, "APPROVAL_PORT", port, a.handler())
}
