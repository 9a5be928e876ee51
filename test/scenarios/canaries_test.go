package scenarios_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/test/cluster"
	"github.com/countersign-dev/countersign/test/corpus"
	"github.com/countersign-dev/countersign/test/geministub"
	"github.com/countersign-dev/countersign/test/slackstub"
	"github.com/countersign-dev/countersign/test/stand"
)

// Where canaries are planted, and how many in each of the workloads.
const (
	canaryWorkloads = 25
	inLog           = 44
	inEnv           = 12
	inArgs          = 6
	inAnnotations   = 8
	inTermination   = 3
	inProbe         = 3
	inEvents        = 4
)

// canary is a secret that only this test knows.
type canary struct{ where, text, secret string }

// TestNoCanaryLeaves plants 2,000 secrets in every field that a careless
// developer or an attacker controls, lets everything break, and looks at every
// byte that leaves: to Slack, to the model, to the log, the audit and the
// output of the commands. None is there in any encoding.
func TestNoCanaryLeaves(t *testing.T) {
	if err := cluster.Available(); err != nil && os.Getenv("CLUSTER") == "" {
		t.Skipf("SKIPPED, no canary was planted: %v", err)
	}
	t.Parallel()
	model, err := geministub.Start(geministub.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	const namespace = "canaries-shop"
	s, err := stand.New(ctx, stand.Config{
		Name: "canaries", Namespaces: []string{namespace}, Log: func(line string) { t.Log(line) },
		Env: map[string]string{
			"HOLD_SETTLING": "1s", "HOLD_PENDING": "1s", "DEBOUNCE": "1s", "LOG_LEVEL": "debug", "AI_PROVIDER": "gemini",
			"AI_BASE_URL": model.URL(), "AI_API_KEY": model.APIKey(), "AI_CALLS_PER_HOUR": "1000", "CARDS_PER_HOUR": "1000",
		},
		Slack: slackstub.Config{Limits: slackstub.Limits{PostBurst: 200, TierBurst: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	planted := plant(ctx, t, s, namespace)
	cards := 0
	for end := time.Now().Add(150 * time.Second); cards < canaryWorkloads && time.Now().Before(end); time.Sleep(time.Second) {
		cards = 0
		for _, m := range s.Slack.Messages(slackstub.ChannelAlerts) {
			if strings.Contains(m.PlainText(), namespace+"/leaky-") {
				cards++
			}
		}
	}
	if cards < canaryWorkloads/2 {
		t.Errorf("%d cards for %d broken workloads: too little left the process to look at", cards, canaryWorkloads)
	}
	bytes := everything(ctx, t, s, model, namespace)
	left, total := 0, 0
	for name, text := range bytes {
		total += len(text)
		for _, c := range planted {
			if form := leaked(text, c.secret); form != "" {
				left++
				t.Errorf("%s holds a canary from %s as %s: %q", name, c.where, form, c.text)
			}
		}
	}
	t.Logf("%d canaries planted, %d cards, %d calls of the model, %d bytes left in %d streams: %d canaries in them",
		len(planted), cards, len(model.Calls()), total, len(bytes), left)
	if len(model.Calls()) == 0 {
		t.Error("the model was never asked: that way out was not looked at")
	}
}

// plant breaks the workloads and returns what was planted in them.
func plant(ctx context.Context, t *testing.T, s *stand.Stand, namespace string) []canary {
	t.Helper()
	g := corpus.Generator{Rand: rand.New(rand.NewPCG(20, 26))}
	var all []canary
	draw := func(where string, n int, fits func(string) bool) (texts []string) {
		for len(texts) < n {
			p := g.Secrets(1)[0]
			if len(p.Secrets) == 0 || len(p.Secrets[0]) < 12 || !fits(p.Text) {
				continue
			}
			texts = append(texts, p.Text)
			all = append(all, canary{where, p.Text, p.Secrets[0]})
		}
		return texts
	}
	anything := func(string) bool { return true }
	// What says that nothing is wrong leaves the cause open, so that the model is
	// asked.
	calm := func(text string) bool {
		return !slices.ContainsFunc([]string{"error", "fail", "reject", "bad", "timeout", "exception"}, func(word string) bool {
			return strings.Contains(strings.ToLower(text), word)
		})
	}
	for n := range canaryWorkloads {
		name := fmt.Sprintf("leaky-%d", n)
		logged, last := anything, "fatal: cannot go on\n"
		if n%3 == 0 {
			logged, last = calm, "bye\n"
		}
		files := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{
			"log":         strings.Join(draw("a log", inLog, logged), "\n") + "\n" + last,
			"termination": strings.Join(draw("a termination message", inTermination, anything), "\n"),
			"probe":       strings.Join(draw("a probe's output", inProbe, anything), "\n"),
		}}
		if _, err := s.Kube.CoreV1().ConfigMaps(namespace).Create(ctx, files, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		d := leaky(name)
		pod := &d.Spec.Template
		for i, text := range draw("an environment variable", inEnv, anything) {
			pod.Spec.Containers[0].Env = append(pod.Spec.Containers[0].Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_%d", i), Value: text})
		}
		pod.Spec.Containers[0].Args = append(pod.Spec.Containers[0].Args, draw("an argument", inArgs, anything)...)
		for i, text := range draw("an annotation", inAnnotations, anything) {
			pod.Annotations[fmt.Sprintf("example.com/note-%d", i)] = text
		}
		made, err := s.Kube.AppsV1().Deployments(namespace).Create(ctx, d, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range draw("an event", inEvents, anything) {
			now := metav1.Now()
			event := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s.%d", name, i)}, Type: corev1.EventTypeWarning, Reason: "FailedSync",
				Message:        text[:min(len(text), 1000)],
				InvolvedObject: corev1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: namespace, Name: name, UID: made.UID},
				FirstTimestamp: now, LastTimestamp: now, Count: 1, Source: corev1.EventSource{Component: "sync"},
			}
			if _, err := s.Kube.CoreV1().Events(namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

// leaky crashes after it has told all that it knows.
func leaky(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{}},
				Spec: corev1.PodSpec{
					Volumes: []corev1.Volume{{Name: "files", VolumeSource: corev1.VolumeSource{
						ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}},
					}}},
					Containers: []corev1.Container{{
						Name: "main", Image: "docker.io/library/busybox:latest", ImagePullPolicy: corev1.PullIfNotPresent,
						Command:      []string{"sh", "-c", "cat /files/log; cat /files/termination > /dev/termination-log; sleep 4; exit 3", "main"},
						VolumeMounts: []corev1.VolumeMount{{Name: "files", MountPath: "/files"}},
						ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
							Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "cat /files/probe; exit 1"}},
						}},
					}},
				},
			},
		},
	}
}

// everything is what left the process, by where it went.
func everything(ctx context.Context, t *testing.T, s *stand.Stand, model *geministub.Server, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var b strings.Builder
	for _, c := range s.Slack.Calls() {
		fmt.Fprintln(&b, c.Method, c.Args)
	}
	out["calls of Slack"] = b.String()
	b.Reset()
	for _, f := range s.Slack.Frames() {
		if !f.Out {
			fmt.Fprintln(&b, f.Body)
		}
	}
	out["frames to Slack"] = b.String()
	b.Reset()
	for _, c := range model.Calls() {
		fmt.Fprintln(&b, c.Path, c.Query, c.Header, c.Body)
	}
	out["requests to the model"] = b.String()
	for name, words := range map[string][]string{
		"audit export": {"audit", "export"}, "scan": {"scan", "-n", namespace}, "scan -o json": {"scan", "-n", namespace, "-o", "json"},
		"diagnose": {"diagnose", "deployment/leaky-0", "-n", namespace},
	} {
		stdout, stderr, _, err := s.Command(ctx, words...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out[name] = stdout + stderr
	}
	files, err := filepath.Glob(filepath.Join(s.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if raw, err := os.ReadFile(path); err == nil && !strings.Contains(path, "kubeconfig") && len(raw) < 64<<20 && !isProgram(raw) {
			out[filepath.Base(path)] = string(raw)
		}
	}
	return out
}

func isProgram(raw []byte) bool { return len(raw) > 4 && string(raw[1:4]) == "ELF" }

// leaked says in which form text holds the secret, or nothing.
func leaked(text, secret string) string {
	core := secret[:min(len(secret), 40)]
	forms := map[string]string{
		"it is": core, "URL-encoded": url.QueryEscape(core), "hex": hex.EncodeToString([]byte(core)),
		"reversed": reversed(core), "JSON": strings.Trim(fmt.Sprintf("%q", core), `"`),
	}
	for shift := range 3 { // base64 of a text that holds it, at each of three alignments
		raw := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + core))
		forms[fmt.Sprintf("base64 at %d", shift)] = raw[4 : len(raw)-4]
	}
	for form, s := range forms {
		if len(s) >= 8 && strings.Contains(text, s) {
			return form
		}
	}
	return ""
}

func reversed(s string) string {
	raw := []byte(s)
	slices.Reverse(raw)
	return string(raw)
}
