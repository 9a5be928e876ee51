package chat

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// parseApproval reads the action back from the approval block alone. Of the
// bound hash and the digest the card shows the first 12 digits.
func parseApproval(raw []byte) (a action.Action, digest string, err error) {
	var blocks []map[string]any
	if err := json.Unmarshal(raw, &blocks); err != nil {
		return a, "", err
	}
	for _, b := range blocks {
		if !strings.HasPrefix(str(b, "block_id"), approvalName) {
			continue
		}
		var paragraphs []string
		for _, e := range b["elements"].([]any) {
			text := ""
			for _, l := range e.(map[string]any)["elements"].([]any) {
				o := l.(map[string]any)
				if str(o, "type") == "date" {
					text += str(o, "fallback")
					continue
				}
				text += str(o, "text")
			}
			paragraphs = append(paragraphs, text)
		}
		return parseParagraphs(paragraphs)
	}
	return a, "", fmt.Errorf("no approval block")
}

var sentences = map[string]action.Kind{
	"Delete": action.DeletePod, "Restart": action.Restart, "Roll back": action.Rollback,
	"Set the image in": action.SetImage, "Set the memory in": action.SetResources,
}

func parseParagraphs(p []string) (a action.Action, digest string, err error) {
	for words, kind := range sentences {
		if rest, ok := strings.CutPrefix(p[1], words+" "); ok {
			a.Kind = kind
			kindOf, name, _ := strings.Cut(rest, " ")
			a.Target.Kind = kindOf
			a.Target.Namespace, a.Target.Name, _ = strings.Cut(name, "/")
		}
	}
	fine := p[len(p)-1]
	var version, kind string
	fields := strings.NewReplacer("digest ", "", " · ", " ", ", uid ", " ", ", bound ", " ").Replace(fine)
	var bound string
	if _, err := fmt.Sscan(fields, &digest, &version, &kind, &a.Target.UID, &bound); err != nil {
		return a, "", fmt.Errorf("fine print %q: %w", fine, err)
	}
	a.Target.APIVersion, a.Bound = version, action.Hash(bound)
	values := map[string]string{}
	if a.Kind != action.DeletePod {
		for l := range strings.SplitSeq(p[2], "\n") {
			key, value, ok := strings.Cut(l, "  ")
			if !ok {
				return a, "", fmt.Errorf("parameter %q", l)
			}
			values[key] = strings.TrimLeft(value, " ")
		}
	}
	none := func(s string) string {
		if s == "none" {
			return ""
		}
		return s
	}
	switch a.Kind {
	case action.DeletePod:
		a.Params.DeletePod = &action.DeletePodParams{}
	case action.Restart:
		a.Params.Restart = &action.RestartParams{At: values["restartedAt"]}
	case action.Rollback:
		r := &action.RollbackParams{}
		for key, to := range map[string]*action.Pinned{"from": &r.From, "to": &r.To} {
			parts := strings.Split(strings.NewReplacer("revision ", "", "ReplicaSet ", "", "uid ", "").Replace(values[key]), ", ")
			n, err := strconv.ParseInt(parts[0], 10, 64)
			if err != nil || len(parts) != 3 {
				return a, "", fmt.Errorf("revision %q", values[key])
			}
			*to = action.Pinned{ReplicaSet: parts[1], UID: parts[2]}
			if key == "from" {
				r.FromRevision = n
			} else {
				r.ToRevision = n
			}
		}
		a.Params.Rollback = r
	case action.SetImage:
		a.Params.SetImage = &action.SetImageParams{Container: values["container"], From: none(values["from"]), To: values["to"], Typed: values["typed"] != ""}
	case action.SetResources:
		r := &action.SetResourcesParams{Container: values["container"]}
		from, to, _ := strings.Cut(values["memory limit"], " → ")
		r.FromMemoryLimit, r.ToMemoryLimit = none(from), to
		r.FromMemoryRequest, r.ToMemoryRequest, _ = strings.Cut(values["memory request"], " → ")
		a.Params.SetResources = r
	default:
		return a, "", fmt.Errorf("sentence %q", p[1])
	}
	return a, digest, nil
}

// dice makes random values; everything a test reports can be made again from
// its seed.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 7))} }

func (d dice) from(alphabet string, least, most int) string {
	n := least + d.IntN(most-least+1)
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	lower = "abcdefghijklmnopqrstuvwxyz"
	hexes = "0123456789abcdef"
)

func (d dice) name() string {
	words := []string{"cart", "checkout", "api", "db", "web", "worker", "token", "secret", "auth", "x", "kube", "pass"}
	return words[d.IntN(len(words))] + "-" + d.from(lower+"0123456789", 1, 12)
}

func (d dice) uid() string {
	return d.from(hexes, 8, 8) + "-" + d.from(hexes, 4, 4) + "-" + d.from(hexes, 4, 4) + "-" + d.from(hexes, 4, 4) + "-" + d.from(hexes, 12, 12)
}

func (d dice) hash() action.Hash { return action.Hash(d.from(hexes, 64, 64)) }

func (d dice) image() string {
	s := d.from(lower, 3, 12) + ".example:5000/" + d.name() + "/" + d.name()
	if d.IntN(2) == 0 {
		return s + ":v" + strconv.Itoa(d.IntN(1000))
	}
	return s + "@sha256:" + d.from(hexes, 64, 64)
}

func (d dice) action() action.Action {
	target := action.Ref{APIVersion: "apps/v1", Kind: "Deployment", Namespace: d.name(), Name: d.name(), UID: d.uid()}
	a := action.Action{Target: target, Bound: d.hash()}
	switch d.IntN(5) {
	case 0:
		a.Kind, a.Target.APIVersion, a.Target.Kind = action.DeletePod, "v1", "Pod"
		a.Params.DeletePod = &action.DeletePodParams{}
	case 1:
		a.Kind = action.Restart
		a.Params.Restart = &action.RestartParams{At: noon().Add(time.Duration(d.IntN(1e6)) * time.Second).Format(time.RFC3339)}
	case 2:
		a.Kind = action.Rollback
		to := 1 + d.Int64N(1000)
		a.Params.Rollback = &action.RollbackParams{ToRevision: to, FromRevision: to + 1 + d.Int64N(9),
			To: action.Pinned{ReplicaSet: d.name(), UID: d.uid()}, From: action.Pinned{ReplicaSet: d.name(), UID: d.uid()}}
	case 3:
		a.Kind = action.SetImage
		a.Params.SetImage = &action.SetImageParams{Container: d.name(), From: d.image(), To: d.image(), Typed: d.IntN(2) == 0}
	default:
		a.Kind = action.SetResources
		from := 64 + d.IntN(1000)
		p := &action.SetResourcesParams{Container: d.name(), ToMemoryLimit: fmt.Sprintf("%dMi", from+1+d.IntN(from-1))}
		if d.IntN(4) > 0 {
			p.FromMemoryLimit = fmt.Sprintf("%dMi", from)
		}
		if d.IntN(2) == 0 {
			p.FromMemoryRequest, p.ToMemoryRequest = fmt.Sprintf("%dMi", d.IntN(from)), fmt.Sprintf("%dMi", d.IntN(from))
		}
		a.Params.SetResources = p
	}
	return a
}

// What the approval block says is the action: reading it back gives the same.
func TestTheApprovalBlockReadsBackAsTheActionItStandsFor(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	d, hidden := roll(seed), 0
	for n := range *rounds {
		a := d.action()
		if err := a.Validate(); err != nil {
			t.Fatalf("seed %d, round %d: the generator made an invalid action: %v", seed, n, err)
		}
		i := offerOf(t, a, d.hash())
		cur := i.Current() // what stands between the change and the fine print
		cur.Proposed.Decision.NeedsReason = d.IntN(2) == 0
		cur.Rehearsal.Requester, cur.Rehearsal.Edited = pick(d, incident.Person{}, alice), d.IntN(2) == 0
		cur.Report.Facts = incident.Facts{Editors: d.texts(3), NamespaceLabels: pick(d, nil, signedFacts().NamespaceLabels)}
		blocks, _ := Render(i, approveMode())
		raw := encodeBlocks(t, blocks)
		if !strings.Contains(string(raw), approveButton) {
			hidden++ // a parameter looked like a secret: no button, no claim
			continue
		}
		got, digest, err := parseApproval(raw)
		want := a
		want.Bound = action.Hash(a.Bound.Short())
		if err != nil || !sameAction(got, want) || digest != cur.Proposed.Digest.Short() {
			t.Fatalf("seed %d, round %d: the block reads as %+v digest %s (%v)\nwant %+v", seed, n, got, digest, err, want)
		}
	}
	t.Logf("%d actions, seed %d; %d could not be shown in full and had no button", *rounds, seed, hidden)
	if hidden*50 > *rounds {
		t.Errorf("%d of %d ordinary actions could not be shown in full", hidden, *rounds)
	}
}

func sameAction(a, b action.Action) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// offerOf is an incident with an offer of a, put together without the state
// machine, which has its own tests.
func offerOf(t testing.TB, a action.Action, policy action.Hash) incident.Incident {
	t.Helper()
	terms := action.NewTerms(a, policy, noon())
	digest, err := terms.Digest()
	if err != nil {
		t.Fatal(err)
	}
	d := diagnosis()
	return incident.Incident{
		ID: fixtureID, Subject: a.Target, Diagnosis: &d, OpenedAt: noon(), Revision: 4,
		Attempts: []incident.Attempt{{N: 1, Basis: "b", Report: &incident.ExecutorReport{State: incident.StateRehearsed, Diff: redact.Literal("-a\n+b")},
			Proposed: &incident.Proposed{Attempt: 1, Terms: terms, Digest: digest, Button: true, Decision: incident.Decision{Allow: true, Quorum: 1}}}},
	}
}
