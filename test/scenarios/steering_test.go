package scenarios_test

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// What steers an installation holds for all its incidents, so each of these
// stories has an installation of its own.
func TestSteering(t *testing.T) {
	for _, f := range stories(t, "steering/*.txtar") {
		name := strings.TrimSuffix(filepath.Base(f), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, playConfig{name: "steer-" + name, files: []string{f}, env: seconds})
		})
	}
}

// steering are the words of the stories about steering.
func (p *player) steering() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"fill":    p.fill,
		"agree":   p.agree,
		"control": p.control,
		"label":   p.label,
		"key":     p.key,
		"product": p.product,
		"relay":   p.relay,
	}
}

// fill PERSON FIELD VALUE…: fill the form that the person has open and send it.
func (p *player) fill(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "fill PERSON FIELD VALUE [FIELD VALUE]…")
	who := person(ts, args[0])
	deadline := time.Now().Add(10 * time.Second)
	var views []slackstub.View
	for len(views) == 0 {
		if time.Now().After(deadline) {
			ts.Fatalf("%s has no form open", args[0])
		}
		time.Sleep(50 * time.Millisecond)
		views = p.s.Slack.Views(who)
	}
	values := map[string]string{}
	for n := 1; n+1 < len(args); n += 2 {
		values[args[n]] = args[n+1]
	}
	result, err := p.s.Slack.Submit(who, views[len(views)-1].ID, values)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	if _, err = p.s.Slack.WaitAck(ctx, result.ID); (err != nil) != neg {
		ts.Fatalf("the form of %s: %v", args[0], err)
	}
}

// agree PERSON TEXT BUTTON: press the button of the message that says so and is
// about no workload.
func (p *player) agree(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 3, "agree PERSON TEXT BUTTON")
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	m, err := p.s.Slack.WaitMessage(ctx, func(m slackstub.Message) bool {
		return strings.Contains(m.PlainText(), args[1]) && stand.HasButton(args[2])(m)
	})
	ts.Check(err)
	result, err := p.s.Slack.Click(person(ts, args[0]), m.Channel, m.TS, args[2], slackstub.ClickOptions{Anyone: true})
	ts.Check(err)
	_, err = p.s.Slack.WaitAck(ctx, result.ID)
	ts.Check(err)
}

// control CONFIGMAP KEY FILE: write one key of a ConfigMap by which people
// steer, as somebody with access to the cluster does. With !, take it out.
func (p *player) control(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "control CONFIGMAP KEY [FILE]")
	maps := p.s.Kube.CoreV1().ConfigMaps(p.s.Wall.Namespace)
	cm, err := maps.Get(p.ctx, args[0], metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		cm, err = maps.Create(p.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: args[0]}}, metav1.CreateOptions{})
	}
	ts.Check(err)
	if cm.Data == nil {
		cm.Data = map[string]string{}
	}
	delete(cm.Data, args[1])
	if !neg {
		need(ts, args, 3, "control CONFIGMAP KEY FILE")
		cm.Data[args[1]] = expand(ts.ReadFile(args[2]))
	}
	_, err = maps.Update(p.ctx, cm, metav1.UpdateOptions{})
	ts.Check(err)
}

// expand puts the ids of people in the place of $alice and the like.
func expand(text string) string {
	return os.Expand(text, func(name string) string { return people[name] })
}

// label KEY=VALUE: label the story's namespace.
func (p *player) label(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "label KEY=VALUE")
	key, value, _ := strings.Cut(args[0], "=")
	ns, err := p.s.Kube.CoreV1().Namespaces().Get(p.ctx, storyNamespace(ts), metav1.GetOptions{})
	ts.Check(err)
	ns.Labels[key] = value
	_, err = p.s.Kube.CoreV1().Namespaces().Update(p.ctx, ns, metav1.UpdateOptions{})
	ts.Check(err)
}

// key PERSON FILE SIGNERS: make an SSH key in FILE and write the line that allows
// it to SIGNERS.
func (p *player) key(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 3, "key PERSON FILE SIGNERS")
	public, private, err := ed25519.GenerateKey(nil)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(private, "story")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(block), 0o600))
	line, err := ssh.NewPublicKey(public)
	ts.Check(err)
	signer := person(ts, args[0]) + " " + string(ssh.MarshalAuthorizedKey(line))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(signer), 0o600))
}

// product WANT WORDS…: run the product's binary with the administrator's
// kubeconfig; its output must match WANT. With !, it must fail and say so. @card
// stands for the incident of workload web, @gate for the gate's address, @control
// for the installation's namespace, @admin for the kubeconfig, @alice for her id.
func (p *player) product(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "product WANT WORDS…")
	words := append([]string(nil), args[1:]...)
	for n, w := range words {
		switch {
		case w == "@card":
			words[n] = p.incident(ts)
		case w == "@gate":
			words[n] = p.s.Latest().Approvals
		case w == "@control":
			words[n] = p.s.Wall.Namespace
		case w == "@admin":
			words[n] = p.s.Cluster.Kubeconfig()
		case w[0] == '@':
			words[n] = person(ts, w[1:])
		case strings.HasPrefix(w, "./"):
			words[n] = ts.MkAbs(w[2:])
		}
	}
	out, said, code, err := p.s.Command(p.ctx, words...)
	ts.Check(err)
	if (code != 0) != neg || !regexp.MustCompile(args[0]).MatchString(out+said) {
		ts.Fatalf("%v: exit code %d\n%s%s", words, code, out, said)
	}
}

// incident is the id on the card of workload web.
func (p *player) incident(ts *testscript.TestScript) string {
	card, err := p.s.AwaitCard(p.ctx, patience, storyNamespace(ts), "web", nil)
	ts.Check(err)
	return regexp.MustCompile(`\bi[0-9a-f]{12}\b`).FindString(card.PlainText())
}
