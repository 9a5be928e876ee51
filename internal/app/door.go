package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/redact"
)

// gateDoor is the way to the gate's approvals.
type gateDoor struct {
	client *http.Client
	base   string
}

func (o AnswerOptions) gate() (gateDoor, error) {
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

func (g gateDoor) send(ctx context.Context, o AnswerOptions, s Signed) error {
	var written Offer
	return g.do(ctx, http.MethodPost, "/v1/incidents/"+o.Incident+"/"+o.noun()+"s", s, &written)
}

// follow says what becomes of the signature, until the change is made or Wait is
// over.
func (g gateDoor) follow(ctx context.Context, o AnswerOptions, digest action.Hash, out io.Writer) error {
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
		case o.Reject && offer.State == "lapsed: rejected":
			return nil
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
