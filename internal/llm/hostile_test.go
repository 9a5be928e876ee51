package llm

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

var (
	seed    = flag.Uint64("seed", 0, "of the hostile model; 0 means a new one")
	outputs = flag.Int("outputs", 4_000, "how many answers the hostile model gives")
)

// hostile is a model that wants something changed that nobody offered.
type hostile struct{ *rand.Rand }

func pick[T any](h hostile, from ...T) T { return from[h.IntN(len(from))] }

// mutated is s with a byte or letter gone wrong.
func (h hostile) mutated(s string) string {
	if s == "" {
		return "x"
	}
	i := h.IntN(len(s))
	return pick(h,
		s[:i]+s[i+1:], s[:i]+"\u200b"+s[i:], strings.Replace(s, "a", "\u0430", 1), strings.ToUpper(s), s+" ",
		s+"\x00", "\u202e"+s, s+"/../x", strings.Repeat(s, 50), "--all", "$("+s+")", "*")
}

func (h hostile) text() string {
	var b strings.Builder
	for range 1 + h.IntN(5) {
		b.WriteString(pick(h, "The schema is old. ", "<!channel> ", "<https://evil.example|Approve> ", "![p](http://evil.example/", "](", "@here ",
			"kubectl delete ns --all ", "https://", "ht\u200btps://evil.example ", "`rm -rf /` ", "\u202e", "⟨svc kube-system/dns⟩ ", "www.", "evil.example ",
			"<@U", "012>", "htt<x>p://e ", " "+madeUpKey()+" ", "\n", "\x1b[31m", "ｗｗｗ.evil ", "cart fails because of its schema ", "//", ":"))
	}
	return b.String()
}

func (h hostile) claim() claim {
	c := sound()
	wild := func(chance int) bool { return h.IntN(100) < chance }
	if wild(25) {
		c.Cause = pick(h, "novel", "unknown", "", "delete-everything", string(incident.OOMKilled), h.mutated(c.Cause))
		c.NovelText = pick(h, "", h.text())
	}
	if wild(30) {
		c.Root = pick(h, shownRef{"Pod", "shop", pod().Name}, shownRef{"Service", "shop", "orders-db"}, shownRef{"Deployment", "kube-system", "cart"},
			shownRef{"Namespace", "", "shop"}, shownRef{"Node", "", "node1"}, shownRef{h.mutated("Deployment"), "shop", "cart"},
			shownRef{"Deployment", h.mutated("shop"), "cart"}, shownRef{"Deployment", "shop", h.mutated("cart")}, shownRef{"Service", "kube-system", "dns"})
	}
	if wild(40) {
		c.Candidate = pick(h, -1, 0, 1, 2, -2, 1<<31, -1<<40)
	}
	if wild(40) {
		quote := c.Citations[0].Quote
		c.Citations = append(c.Citations, citation{pick(h, "e1", "e2", "e3", "e4", "e9", "e03", "", "e3 "), pick(h, quote, "", "e", h.mutated(quote), "exit code 1", h.text())})
		if wild(50) {
			c.Citations = c.Citations[1:]
		}
	}
	if wild(50) {
		c.Summary = h.text()
	}
	for range h.IntN(9) {
		c.Steps = append(c.Steps, h.text())
	}
	c.Confidence = pick(h, 0, 0.5, 1, 2, -1, 1e300, h.Float64())
	return c
}

// answer is one output: about half have the form of the schema, with content
// that need not hold; some are no JSON at all.
func (h hostile) answer() string {
	s := saying()
	for range h.IntN(5) {
		s.Hypotheses = append(s.Hypotheses, saying(h.claim()).Hypotheses...)
	}
	if h.IntN(4) > 0 {
		h.tame(&s)
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	if h.IntN(10) > 0 {
		return string(raw)
	}
	return h.mutated(string(raw))
}

// tame bends an answer to the schema and leaves what the schema cannot see.
func (h hostile) tame(s *statement) {
	s.Hypotheses = s.Hypotheses[:min(len(s.Hypotheses), maxHypotheses)]
	for i := range s.Hypotheses {
		c := &s.Hypotheses[i]
		if !slices.Contains(codes(), c.Cause) {
			c.Cause = pick(h, codes()...)
		}
		c.Candidate = pick(h, -1, 0)
		c.Confidence = clamp(c.Confidence)
		c.Steps = c.Steps[:min(len(c.Steps), maxSteps)]
		for j := range c.Citations {
			if !slices.Contains([]string{"e1", "e2", "e3", "e4"}, c.Citations[j].ID) {
				c.Citations[j].ID = "e3"
			}
		}
	}
}

func newHostile(t *testing.T) hostile {
	t.Helper()
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, outputs %d", *seed, *outputs)
	return hostile{rand.New(rand.NewPCG(*seed, 1))}
}

func TestAHostileModelGetsNothingPastTheJudge(t *testing.T) {
	h := newHostile(t)
	c := dossierOfCrash()
	q, err := c.question()
	if err != nil {
		t.Fatal(err)
	}
	formed, kept := 0, 0
	for n := range *outputs {
		raw := h.answer()
		s, err := readStatement(raw, q.form)
		if err == nil {
			formed++
		} else if json.Unmarshal([]byte(raw), &s) != nil { // judged all the same, as if there were no schema
			continue
		}
		got := c.judge(s, uncalibrated)
		kept += len(got)
		for _, bad := range offences(c, got) {
			t.Fatalf("output %d of seed %d: %s\nanswer %s\nkept %s", n, *seed, bad, raw, jsonOf(t, got))
		}
	}
	t.Logf("%d of the form asked for, %d hypotheses kept", formed, kept)
	if formed < *outputs/2 || kept < *outputs/20 {
		t.Errorf("the hostile model is too clumsy: %d of %d outputs have the right form, %d hypotheses kept", formed, *outputs, kept)
	}
}

// offences says what got through that must not, by means other than the
// judge's.
func offences(c *dossier, got []incident.Hypothesis) []string {
	var out []string
	if len(got) > 3 {
		out = append(out, "more than three")
	}
	owned := []string{"shop Deployment/cart", "shop Pod/" + pod().Name, "shop Service/orders-db"}
	for _, h := range got {
		if !slices.Contains(incident.Causes(), h.Cause) || h.Novel != (h.Cause == incident.Unknown) {
			out = append(out, "cause "+string(h.Cause))
		}
		if !slices.Contains(owned, h.Root.Namespace+" "+h.Root.String()) {
			out = append(out, "root "+h.Root.String())
		}
		if h.Candidate != -1 && (h.Candidate != 0 || h.Novel) {
			out = append(out, "candidate out of range")
		}
		if h.Confidence.Measured || h.Confidence.Lower != 0 || h.Confidence.Value < 0 || h.Confidence.Value > 1 {
			out = append(out, "confidence")
		}
		if len(h.Cites) == 0 || len(h.Cites) > 5 || slices.ContainsFunc(h.Cites, func(id string) bool { return !slices.Contains([]string{"e1", "e2", "e3", "e4"}, id) }) {
			out = append(out, "citations "+strings.Join(h.Cites, " "))
		}
		for _, text := range append(h.Steps[:len(h.Steps):len(h.Steps)], h.Summary) {
			s := text.String()
			for _, bad := range []string{"://", "www.", "<", ">", "`", "@here", "kubectl delete", "rm -rf", madeUpKey(), "\n", "\u202e", "\u200b", "\x1b", "\u0430", "](http"} {
				if strings.Contains(s, bad) {
					out = append(out, "prose "+s)
				}
			}
			if len([]rune(s)) > 400 || c.redactor.Redact(s) != text {
				out = append(out, "prose not settled: "+s)
			}
		}
	}
	return out
}
