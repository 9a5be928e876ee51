package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/time/rate"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/respond"
)

const offeredID incident.ID = "i0000000000aa"

// door is the gate's way in for signatures, with one open offer behind it.
type door struct {
	t       *testing.T
	url     string
	gate    *respond.Responder
	terms   action.Terms
	digest  action.Hash
	keyFile string
	key     ssh.Signer

	unvouched error
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{t: t}
	st, log := memory(), slog.New(slog.DiscardHandler)
	sealer := &incident.Sealer{Key: []byte(strings.Repeat("k", 32)), Epoch: 1}
	d.gate = respond.New(respond.Config{Role: incident.Gate, Store: st, Sealer: sealer, Now: time.Now, Log: log})
	watcher := respond.New(respond.Config{Role: incident.Watcher, Store: st, Now: time.Now, Log: log})

	hash := action.Hash(strings.Repeat("a", 64))
	target := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web", UID: "11111111-2222-3333-4444-555555555555"}
	act := action.Action{Kind: action.SetImage, Target: target, Bound: hash, Params: action.Params{
		SetImage: &action.SetImageParams{Container: "web", From: "shop/web:2", To: "shop/web:1"},
	}}
	d.terms = action.NewTerms(act, hash, time.Now().Add(15*time.Minute))
	var err error
	if d.digest, err = d.terms.Digest(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := watcher.Open(t.Context(), offeredID, "f", &incident.Opened{Fingerprint: "f", Signal: incident.Signal{Subject: target}}); err != nil {
		t.Fatal(err)
	}
	err = d.gate.Append(t.Context(), offeredID,
		&incident.Posted{Slot: incident.CardSlot, Channel: "C1", TS: "1.1"},
		&incident.Rehearsing{Attempt: 1, Job: "cs-r1"},
		&incident.Rehearsed{Attempt: 1, Report: incident.ExecutorReport{State: incident.StateRehearsed, UID: target.UID, Before: hash}},
		&incident.Proposed{Attempt: 1, Terms: d.terms, Digest: d.digest, Button: true, Decision: incident.Decision{Allow: true, Quorum: 1}})
	if err != nil {
		t.Fatal(err)
	}

	line := d.makeKey()
	signers, err := action.ParseAllowedSigners("U1 " + line)
	if err != nil {
		t.Fatal(err)
	}
	a := &approvals{
		load: d.gate.Load, write: d.gate.Append, vouch: func(context.Context) error { return d.unvouched }, signers: func() action.AllowedSigners { return signers }, team: "T1",
		redactor: redact.New(redact.Config{}), now: time.Now, log: log, limit: rate.NewLimiter(rate.Inf, 1),
	}
	server := httptest.NewServer(a.handler())
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

// makeKey writes a private key and returns the line of its public one.
func (d *door) makeKey() string {
	d.t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "test")
	if err != nil {
		d.t.Fatal(err)
	}
	d.keyFile = filepath.Join(d.t.TempDir(), "key")
	if err := os.WriteFile(d.keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if d.key, err = ssh.NewSignerFromKey(private); err != nil {
		d.t.Fatal(err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(line))
}

func (d *door) post(id string, body any) (status int, said string) {
	d.t.Helper()
	return d.send(id+"/approvals", body)
}

func (d *door) send(path string, body any) (status int, said string) {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := http.Post(d.url+"/v1/incidents/"+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, b.String()
}

func (d *door) clicks() []incident.Clicked {
	d.t.Helper()
	i, err := d.gate.Load(d.t.Context(), offeredID)
	if err != nil {
		d.t.Fatal(err)
	}
	return i.Clicks
}

func (d *door) signature(signer string) Signed {
	d.t.Helper()
	s, err := action.SignTerms(d.terms, signer, d.key)
	if err != nil {
		d.t.Fatal(err)
	}
	return Signed{Digest: d.digest, Signature: s}
}

func TestASignatureIsWrittenDownAsAPressOfItsSigner(t *testing.T) {
	d := newDoor(t)
	if status, said := d.post(string(offeredID), d.signature("U1")); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	clicks := d.clicks()
	if len(clicks) != 1 || clicks[0].Person.ID != "U1" || clicks[0].Person.Team != "T1" || clicks[0].Via != incident.ViaSigned ||
		clicks[0].Verb != incident.Approve || clicks[0].Digest != d.digest || clicks[0].Signature == nil {
		t.Fatalf("%+v", clicks)
	}
	if d.post(string(offeredID), d.signature("U1")); len(d.clicks()) != 1 {
		t.Error("the same signature twice is two presses")
	}
}

func TestASignatureThatCouldBeLostUnnoticedIsNotAccepted(t *testing.T) {
	d := newDoor(t)
	d.unvouched = errors.New("the anchor cannot be written")
	signature := d.signature("U1")
	if status, said := d.post(string(offeredID), signature); status != http.StatusServiceUnavailable || !strings.Contains(said, "lost unnoticed") {
		t.Errorf("%d %s", status, said)
	}
	d.unvouched = nil
	if status, said := d.post(string(offeredID), signature); status != http.StatusAccepted || len(d.clicks()) != 1 {
		t.Errorf("the same again: %d %s, %d presses", status, said, len(d.clicks()))
	}
}

func TestARejectionIsWrittenDownAsOneAndIsNoApproval(t *testing.T) {
	d := newDoor(t)
	signature, err := action.SignRejection(d.terms, "U1", d.key)
	if err != nil {
		t.Fatal(err)
	}
	rejection := Signed{Digest: d.digest, Signature: signature, Reason: "by hand"}
	for path, body := range map[string]Signed{"/approvals": rejection, "/rejections": d.signature("U1")} {
		if status, said := d.send(string(offeredID)+path, body); status != http.StatusForbidden || len(d.clicks()) != 0 {
			t.Errorf("%s takes the other's signature: %d %s", path, status, said)
		}
	}
	if status, said := d.send(string(offeredID)+"/rejections", rejection); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, said)
	}
	if c := d.clicks(); len(c) != 1 || c[0].Verb != incident.Reject || c[0].Via != incident.ViaSigned || c[0].Reason.String() != "by hand" {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsNoGoodSignatureIsRefusedAndWritesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		id     string
		send   func(*door) any
		status int
		says   string
	}{
		"another signer's name": {send: func(d *door) any { return d.signature("U2") }, status: http.StatusForbidden, says: "U2"},
		"another key":           {send: func(d *door) any { d.makeKey(); return d.signature("U1") }, status: http.StatusForbidden, says: "is not one"},
		"other terms": {send: func(d *door) any {
			d.terms.ExpiresAt = d.terms.ExpiresAt.Add(time.Second)
			return d.signature("U1")
		}, status: http.StatusForbidden, says: "not over these terms"},
		"another digest": {send: func(d *door) any {
			s := d.signature("U1")
			s.Digest = action.Hash(strings.Repeat("b", 64))
			return s
		}, status: http.StatusConflict, says: "not open"},
		"no signature":     {send: func(d *door) any { return Signed{Digest: d.digest} }, status: http.StatusForbidden, says: "does not count"},
		"another form":     {send: func(*door) any { return map[string]any{"approve": true} }, status: http.StatusBadRequest, says: "no signature"},
		"too much":         {send: func(*door) any { return map[string]string{"reason": strings.Repeat("x", 64<<10)} }, status: http.StatusBadRequest, says: "no signature"},
		"unknown incident": {id: "i0000000000bb", send: func(d *door) any { return d.signature("U1") }, status: http.StatusNotFound, says: "no incident"},
		"no incident's id": {id: "shop", send: func(d *door) any { return d.signature("U1") }, status: http.StatusBadRequest, says: "not the id"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			id := c.id
			if id == "" {
				id = string(offeredID)
			}
			status, said := d.post(id, c.send(d))
			if status != c.status || !strings.Contains(said, c.says) {
				t.Errorf("%d %q, want %d %q", status, said, c.status, c.says)
			}
			if n := len(d.clicks()); n != 0 {
				t.Errorf("%d presses written down", n)
			}
		})
	}
}

func TestASignatureOnAnOfferThatLapsedIsRefused(t *testing.T) {
	d := newDoor(t)
	if err := d.gate.Append(t.Context(), offeredID, &incident.Lapsed{Digest: d.digest, Why: "expired"}); err != nil {
		t.Fatal(err)
	}
	status, said := d.post(string(offeredID), d.signature("U1"))
	if status != http.StatusConflict || !strings.Contains(said, "lapsed: expired") || len(d.clicks()) != 0 {
		t.Errorf("%d %q, %d presses", status, said, len(d.clicks()))
	}
}

func TestApproveShowsWhatItSignsAndSignsNothingUnasked(t *testing.T) {
	d := newDoor(t)
	var shown string
	agree := false
	approve := func(id string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var out bytes.Buffer
		err := Answer(ctx, AnswerOptions{
			Incident: id, Signer: "U1", Key: d.keyFile, GateURL: d.url, Wait: 100 * time.Millisecond,
			Confirm: func(text string) (bool, error) { shown = text; return agree, nil },
		}, &out)
		return out.String(), err
	}
	if _, err := approve(string(offeredID)); err == nil || len(d.clicks()) != 0 {
		t.Fatalf("%v, %d presses", err, len(d.clicks()))
	}
	for _, want := range []string{string(d.digest), "shop/web:1", "11111111-2222-3333-4444-555555555555"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q does not stand in what is signed:\n%s", want, shown)
		}
	}
	agree = true
	if out, err := approve(string(offeredID)); err != nil || len(d.clicks()) != 1 || !strings.Contains(out, d.digest.Short()) {
		t.Errorf("%v, %d presses, said %q", err, len(d.clicks()), out)
	}
	if _, err := approve("../../secrets"); err == nil || !strings.Contains(err.Error(), "not the id of an incident") {
		t.Errorf("%v", err)
	}
}

// A gate that lies about what is offered: what is signed is what is shown.
func TestApproveTrustsNothingButWhatTheDigestCovers(t *testing.T) {
	d := newDoor(t)
	other := d.terms
	params := *other.Action.Params.SetImage
	params.To = "registry.example/attacker:1"
	other.Action.Params.SetImage = &params
	raw, err := other.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	var got Signed
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
				t.Error(err)
			}
		}
		answer(w, http.StatusOK, Offer{Incident: string(offeredID), State: "offered", Terms: raw, Digest: d.digest, Diff: "nothing to see", Quorum: 1})
	}))
	defer liar.Close()
	shown := ""
	_ = Answer(t.Context(), AnswerOptions{
		Incident: string(offeredID), Signer: "U1", Key: d.keyFile, GateURL: liar.URL, Wait: time.Millisecond,
		Confirm: func(text string) (bool, error) { shown = text; return true, nil },
	}, &bytes.Buffer{})
	if !strings.Contains(shown, "registry.example/attacker:1") {
		t.Errorf("the signer was not shown what was signed:\n%s", shown)
	}
	if got.Digest == d.digest {
		t.Error("the gate's word for the digest was signed")
	}
	if status, _ := d.post(string(offeredID), Signed{Digest: d.digest, Signature: got.Signature}); status != http.StatusForbidden {
		t.Errorf("the signature of the other terms is taken: %d", status)
	}
}
