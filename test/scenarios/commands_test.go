package scenarios_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// people are the names that stories use.
var people = map[string]string{
	"alice": slackstub.Alice, "bob": slackstub.Bob, "carol": slackstub.Carol,
	"gus": slackstub.Gus, "dora": slackstub.Dora, "xena": slackstub.Xena,
}

// patience is how long a story waits for something that must come.
const patience = 60 * time.Second

type player struct {
	ctx context.Context
	s   *stand.Stand
}

// commands is the language of the stories.
func commands(ctx context.Context, s *stand.Stand) map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	p := &player{ctx: ctx, s: s}
	words := map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"apply":     p.apply,
		"rollout":   p.rollout,
		"card":      p.card,
		"press":     p.press,
		"whisper":   p.whisper,
		"thread":    p.thread,
		"type":      p.slash,
		"answer":    p.answer,
		"image":     p.image,
		"executed":  p.executed,
		"refused":   p.refused,
		"quiet":     p.quiet,
		"unpatched": p.unpatched,
	}
	maps.Copy(words, p.steering())
	return words
}

// storyNamespace is the namespace of the story that is being played.
func storyNamespace(ts *testscript.TestScript) string { return ts.Getenv("NS") }

func need(ts *testscript.TestScript, args []string, n int, usage string) {
	if len(args) < n {
		ts.Fatalf("usage: %s", usage)
	}
}

// apply FILE: bring manifests into the story's namespace.
func (p *player) apply(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "apply FILE")
	ts.Check(p.s.Apply(p.ctx, storyNamespace(ts), ts.ReadFile(args[0])))
}

// rollout NAME: wait until a Deployment is available on its latest template.
func (p *player) rollout(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "rollout NAME")
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	ts.Check(p.s.AwaitRollout(ctx, storyNamespace(ts), args[0]))
}

// card WORKLOAD TEXT…: wait until the workload's card shows all the texts. With
// !, the card must show none of them now. button:ID wants a button.
func (p *player) card(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 1, "card WORKLOAD [TEXT|button:ID]…")
	wanted := func(m slackstub.Message) bool {
		for _, text := range args[1:] {
			if shows(m, text) == neg {
				return false
			}
		}
		return true
	}
	_, err := p.s.AwaitCard(p.ctx, patience, storyNamespace(ts), args[0], wanted)
	ts.Check(err)
}

func shows(m slackstub.Message, text string) bool {
	if id, ok := strings.CutPrefix(text, "button:"); ok {
		return stand.HasButton(id)(m)
	}
	return strings.Contains(m.PlainText(), text)
}

// press PERSON WORKLOAD BUTTON: press a button of the workload's card and wait
// for the acknowledgement.
func (p *player) press(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 3, "press PERSON WORKLOAD BUTTON")
	card, err := p.s.AwaitCard(p.ctx, patience, storyNamespace(ts), args[1], stand.HasButton(args[2]))
	ts.Check(err)
	result, err := p.s.Slack.Click(person(ts, args[0]), card.Channel, card.TS, args[2], slackstub.ClickOptions{Anyone: true})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	result, err = p.s.Slack.WaitAck(ctx, result.ID)
	if (err != nil) != neg {
		ts.Fatalf("press of %s: %+v, %v", args[0], result, err)
	}
}

func person(ts *testscript.TestScript, name string) string {
	id, ok := people[name]
	if !ok {
		ts.Fatalf("nobody is called %q", name)
	}
	return id
}

// whisper PERSON TEXT: the person was shown a message that nobody else sees.
func (p *player) whisper(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "whisper PERSON TEXT")
	id := person(ts, args[0])
	p.message(ts, "a whisper to "+args[0], func(m slackstub.Message) bool {
		return m.Ephemeral && m.EphemeralTo == id && strings.Contains(m.PlainText()+m.Text, args[1])
	})
}

// thread WORKLOAD TEXT: a line under the workload's card says this.
func (p *player) thread(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "thread WORKLOAD TEXT")
	card, err := p.s.AwaitCard(p.ctx, patience, storyNamespace(ts), args[0], nil)
	ts.Check(err)
	p.message(ts, "a line in the thread of "+args[0], func(m slackstub.Message) bool {
		return m.ThreadTS == card.TS && strings.Contains(m.PlainText()+m.Text, args[1])
	})
}

func (p *player) message(ts *testscript.TestScript, what string, want func(slackstub.Message) bool) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if _, err := p.s.Slack.WaitMessage(ctx, want); err != nil {
		ts.Fatalf("%s: %v", what, err)
	}
}

// type PERSON TEXT…: type a slash command. $NS stands for the story's namespace,
// @incident for the incident of workload web.
func (p *player) slash(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "type PERSON TEXT…")
	text := strings.ReplaceAll(strings.Join(args[1:], " "), "$NS", storyNamespace(ts))
	if strings.Contains(text, "@incident") {
		text = strings.ReplaceAll(text, "@incident", p.incident(ts))
	}
	result, err := p.s.Slack.Slash(person(ts, args[0]), slackstub.ChannelAlerts, "/countersign", text)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	_, err = p.s.Slack.WaitAck(ctx, result.ID)
	ts.Check(err)
}

// answer TEXT…: some message of Countersign shows all the texts.
func (p *player) answer(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 1, "answer TEXT…")
	p.message(ts, "an answer", func(m slackstub.Message) bool {
		for _, text := range args {
			if !strings.Contains(m.PlainText()+m.Text, strings.ReplaceAll(text, "$NS", storyNamespace(ts))) {
				return false
			}
		}
		return true
	})
}

// image DEPLOYMENT IMAGE: the first container's image in the cluster now.
func (p *player) image(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, args, 2, "image DEPLOYMENT IMAGE")
	d, err := p.s.Kube.AppsV1().Deployments(storyNamespace(ts)).Get(p.ctx, args[0], metav1.GetOptions{})
	ts.Check(err)
	if got := d.Spec.Template.Spec.Containers[0].Image; (got == args[1]) == neg {
		ts.Fatalf("the image of %s is %s", args[0], got)
	}
}

// executed DEPLOYMENT N: so many executions were made for this object, by the
// Jobs that the executor namespace still remembers (120 s).
func (p *player) executed(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "executed DEPLOYMENT N")
	d, err := p.s.Kube.AppsV1().Deployments(storyNamespace(ts)).Get(p.ctx, args[0], metav1.GetOptions{})
	ts.Check(err)
	jobs, err := p.s.Kube.BatchV1().Jobs(p.s.Wall.ExecutorNamespace).List(p.ctx, metav1.ListOptions{})
	ts.Check(err)
	n := 0
	for _, j := range jobs.Items {
		if strings.HasPrefix(j.Name, "cs-a-"+string(d.UID)+"-") {
			n++
		}
	}
	if fmt.Sprint(n) != args[1] {
		ts.Fatalf("%d executions of %s, want %s", n, args[0], args[1])
	}
}

// quiet WORKLOAD DURATION: no card about the workload appears for so long.
func (p *player) quiet(ts *testscript.TestScript, _ bool, args []string) {
	need(ts, args, 2, "quiet WORKLOAD DURATION")
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	if card, err := p.s.AwaitCard(p.ctx, d, storyNamespace(ts), args[0], nil); err == nil {
		ts.Fatalf("a card appeared:\n%s", card.PlainText())
	}
}
