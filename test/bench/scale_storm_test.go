package bench_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/test/slackstub"
)

const (
	stormApps  = 20 // workloads that the storm's pods belong to
	mixedApps  = 10 // of each of two causes
	stormQuiet = 20 * time.Second
)

// storms breaks ten thousand pods by one missing Secret, which has to be one card,
// and then twenty workloads of one namespace by two causes, which have to be two.
func (s *scaled) storms() {
	s.addNamespace("storm")
	s.addNamespace("mixed")
	st, p := s.product("storm", "")
	before := s.cards(st.Slack)
	began := time.Now()
	pods := max(*stormed/stormApps, 1)
	s.stormOf("storm", map[string]int{"Secret/shop-db": stormApps}, pods)
	broke := time.Since(began)
	one := s.settled(st.Slack, "shop-db", before, 1)
	m, err := memoryOf(p.PID())
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("%d pods of %d workloads miss one Secret within %s: %d card(s); RssAnon %s, VmHWM %s", pods*stormApps, stormApps, broke.Round(time.Second), one, mib(m["RssAnon"]), mib(m["VmHWM"]))
	s.report.add(fmt.Sprintf("cards about %d pods in %d workloads that miss one Secret", pods*stormApps, stormApps), fmt.Sprint(one), "", "exactly 1",
		"RssAnon "+mib(m["RssAnon"])+" in the storm", one == 1)
	if one != 1 {
		s.Errorf("%d cards about one missing Secret, want 1", one)
	}
	before = s.cards(st.Slack)
	s.stormOf("mixed", map[string]int{"Secret/mixed-db": mixedApps, "ConfigMap/mixed-settings": mixedApps}, appPods)
	two := s.settled(st.Slack, "mixed-", before, 2)
	s.Logf("%d pods of one namespace fail for two causes: %d cards", 2*mixedApps*appPods, two)
	s.report.add(fmt.Sprintf("cards about two causes mixed in one namespace (%d pods)", 2*mixedApps*appPods), fmt.Sprint(two), "", "exactly 2", "", two == 2)
	if two != 2 {
		s.Errorf("%d cards about two causes, want 2", two)
	}
}

// stormOf makes workloads that miss the objects, in turns, so that the causes mix.
func (s *scaled) stormOf(namespace string, missing map[string]int, pods int) {
	s.Helper()
	var apps []*application
	for object, n := range missing {
		for k := range n {
			kind, name, _ := strings.Cut(object, "/")
			a := &application{namespace: namespace, name: fmt.Sprintf("%s-%02d", strings.ToLower(kind), k), number: k, needs: &corev1.EnvFromSource{}}
			if at := (corev1.LocalObjectReference{Name: name}); kind == "Secret" {
				a.needs.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: at}
			} else {
				a.needs.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: at}
			}
			apps = append(apps, a)
		}
	}
	s.each(len(apps), func(ctx context.Context, n int) error {
		return apps[n].make(ctx, s, pods, func(p *corev1.Pod, k int) corev1.PodStatus { return lacks(p, k, said(apps[n].needs)) })
	})
}

// said is the kubelet's word about an object that is not there.
func said(e *corev1.EnvFromSource) string {
	if e.SecretRef != nil {
		return fmt.Sprintf("secret %q not found", e.SecretRef.Name)
	}
	return fmt.Sprintf("configmap %q not found", e.ConfigMapRef.Name)
}

// cards counts what was posted into the channel, without threads.
func (s *scaled) cards(slack *slackstub.Server) int {
	n := 0
	for _, m := range slack.Messages(slackstub.ChannelAlerts) {
		if m.ThreadTS == "" || m.ThreadTS == m.TS {
			n++
		}
	}
	return n
}

// settled waits for a number of cards that name the cause, and then until no more
// come, and says how many came since before, whatever they name.
func (s *scaled) settled(slack *slackstub.Server, cause string, before, want int) int {
	s.Helper()
	naming := func() int {
		n := 0
		for _, m := range slack.Messages(slackstub.ChannelAlerts) {
			if (m.ThreadTS == "" || m.ThreadTS == m.TS) && strings.Contains(m.PlainText(), cause) {
				n++
			}
		}
		return n
	}
	s.until(5*time.Minute, fmt.Sprintf("%d card(s) about %s", want, cause), func() bool { return naming() >= want })
	for last, since := s.cards(slack), time.Now(); time.Since(since) < stormQuiet && s.ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		if now := s.cards(slack); now != last {
			last, since = now, time.Now()
		}
	}
	return s.cards(slack) - before
}
