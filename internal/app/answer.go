package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// ApproveOptions are the flags of approve.
type ApproveOptions struct {
	LookOptions
	Incident string
	Signer   string // Slack user id
	Key      string // private key, or the public one of a key in the agent
	Reason   string
	Service  string // SERVICE:PORT of the gate in Namespace
	GateURL  string // instead of the API server's proxy
	Wait     time.Duration
	// Confirm shows what will be signed and asks; false signs nothing.
	Confirm func(text string) (bool, error)
	// Passphrase opens a key that has one.
	Passphrase func(prompt string) ([]byte, error)
}

// ErrNotApproved says that the offer was not approved, and nothing is wrong.
var ErrNotApproved = errors.New("nothing was signed")

// Approve fetches an offer from the gate, checks and shows it, signs its terms
// and sends the signature. It trusts nothing that the gate says but what the
// digest covers.
func Approve(ctx context.Context, o ApproveOptions, out io.Writer) error {
	gate, err := o.gate()
	if err != nil {
		return err
	}
	offer, err := gate.offer(ctx, o.Incident)
	if err != nil {
		return err
	}
	if offer.State != "offered" {
		return fmt.Errorf("incident %s has no open offer (%s)", o.Incident, redact.Name(offer.State))
	}
	terms, err := action.ParseTerms(offer.Terms)
	if err != nil {
		return fmt.Errorf("the gate's offer: %w", err)
	}
	digest, err := terms.Digest()
	if err != nil {
		return fmt.Errorf("the gate's offer: %w", err)
	}
	text, err := describe(terms, digest, offer)
	if err != nil {
		return err
	}
	agreed, err := o.Confirm(text)
	if err != nil {
		return err
	}
	if !agreed {
		return ErrNotApproved
	}
	key, done, err := o.key(ctx)
	if err != nil {
		return err
	}
	defer done()
	signature, err := action.SignTerms(terms, o.Signer, key)
	if err != nil {
		return err
	}
	if err := gate.send(ctx, o.Incident, Signed{Digest: digest, Signature: signature, Reason: o.Reason}); err != nil {
		return err
	}
	fmt.Fprintf(out, "Signed digest %s and sent it.\n", digest.Short())
	return gate.follow(ctx, o, digest, out)
}

// describe shows what will be signed: first what the digest covers, as it is,
// then what only the gate says.
func describe(t action.Terms, digest action.Hash, offer Offer) (string, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	whole, err := yaml.JSONToYAML(raw)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "You are about to sign, with digest %s:\n\n%s\n", digest, indent(redact.Name(string(whole)).String()))
	if offer.Diff != "" {
		fmt.Fprintf(&b, "The gate reports this diff of the rehearsal (not covered by your signature):\n\n%s\n", indent(redact.Name(offer.Diff).String()))
	}
	fmt.Fprintf(&b, "Approvals so far: %s of %d needed.\n", orNone(offer.Approvals), offer.Quorum)
	return b.String(), nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return redact.Name(strings.Join(list, ", ")).String()
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ") + "\n"
}

// gateDoor is the way to the gate's approvals.
type gateDoor struct {
	client *http.Client
	base   string
}

func (o ApproveOptions) gate() (gateDoor, error) {
	if o.GateURL != "" {
		return gateDoor{client: &http.Client{Timeout: 15 * time.Second}, base: strings.TrimRight(o.GateURL, "/")}, nil
	}
	conn, _, err := o.connect()
	if err != nil {
		return gateDoor{}, err
	}
	client, err := rest.HTTPClientFor(conn)
	if err != nil {
		return gateDoor{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	kube, err := kubernetes.NewForConfigAndClient(conn, client)
	if err != nil {
		return gateDoor{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	name, port, _ := strings.Cut(o.Service, ":")
	url := kube.CoreV1().RESTClient().Get().Namespace(o.Namespace).Resource("services").
		Name(fmt.Sprintf("http:%s:%s", name, port)).SubResource("proxy").URL()
	return gateDoor{client: client, base: url.String()}, nil
}

func (g gateDoor) do(ctx context.Context, method, path string, body, into any) error {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.base+path, sent)
	if err != nil {
		return fmt.Errorf("ask the gate: %w", err)
	}
	res, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the gate: %w (does its Service exist, and may you use services/proxy in its namespace?)", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the gate: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("the gate says: %s", redact.Name(strings.TrimSpace(string(raw))).Truncate(400))
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("the gate's answer: %w", err)
	}
	return nil
}

func (g gateDoor) offer(ctx context.Context, id string) (o Offer, err error) {
	if !incidentForm.MatchString(id) {
		return o, fmt.Errorf("%q is not the id of an incident; it stands on the card: i and 12 digits", id)
	}
	err = g.do(ctx, http.MethodGet, "/v1/incidents/"+id, nil, &o)
	return o, err
}

func (g gateDoor) send(ctx context.Context, id string, s Signed) error {
	var o Offer
	return g.do(ctx, http.MethodPost, "/v1/incidents/"+id+"/approvals", s, &o)
}

// follow says what becomes of the signature, until the change is made or Wait is
// over.
func (g gateDoor) follow(ctx context.Context, o ApproveOptions, digest action.Hash, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, o.Wait)
	defer cancel()
	last := ""
	for {
		offer, err := g.offer(ctx, o.Incident)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case offer.Digest != digest:
			return errors.New("the offer was replaced by another one: nothing that you signed is executed")
		}
		if said := fmt.Sprintf("%s; approvals: %s of %d", offer.State, orNone(offer.Approvals), offer.Quorum); said != last {
			fmt.Fprintln(out, said)
			last = said
		}
		switch {
		case strings.HasPrefix(offer.State, "executed"), strings.HasPrefix(offer.State, "closed"):
			return nil
		case strings.HasPrefix(offer.State, "lapsed"):
			return fmt.Errorf("the offer no longer stands (%s)", redact.Name(offer.State))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// key opens the private key, or finds the one in the agent whose public key the
// file holds.
func (o ApproveOptions) key(ctx context.Context) (ssh.Signer, func(), error) {
	nothing := func() {}
	raw, err := os.ReadFile(o.Key)
	if err != nil {
		return nil, nothing, fmt.Errorf("--key: %w", err)
	}
	if public, _, _, _, err := ssh.ParseAuthorizedKey(raw); err == nil {
		return fromAgent(ctx, public)
	}
	signer, err := ssh.ParsePrivateKey(raw)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		var phrase []byte
		if phrase, err = o.Passphrase("Passphrase of " + o.Key + ": "); err == nil {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(raw, phrase)
		}
	}
	if err != nil {
		return nil, nothing, fmt.Errorf("--key %s: %w", o.Key, err)
	}
	return signer, nothing, nil
}

func fromAgent(ctx context.Context, public ssh.PublicKey) (ssh.Signer, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, func() {}, errors.New("--key is a public key, and SSH_AUTH_SOCK names no agent that could sign with it")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, func() {}, fmt.Errorf("SSH_AUTH_SOCK: %w", err)
	}
	done := func() { _ = conn.Close() } // nothing is lost with it
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		done()
		return nil, func() {}, fmt.Errorf("ask the agent for its keys: %w", err)
	}
	for _, s := range signers {
		if bytes.Equal(s.PublicKey().Marshal(), public.Marshal()) {
			return s, done, nil
		}
	}
	done()
	return nil, func() {}, errors.New("--key: the agent does not hold this key; add it with ssh-add")
}
