package kube

import (
	"regexp"
	"slices"
	"strings"
)

// word gives a class to messages that hold one of the phrases, in lower case.
type word struct {
	class   string
	phrases []string
}

// classify is the class of the first word that fits; empty if none does.
func classify(message string, words []word) string {
	message = strings.ToLower(message)
	for _, w := range words {
		for _, p := range w.phrases {
			if strings.Contains(message, p) {
				return w.class
			}
		}
	}
	return ""
}

func imageClass(reason, message string) string {
	switch reason {
	case "InvalidImageName":
		return "invalid-name"
	case "ErrImageNeverPull":
		return "never-pulled"
	}
	return classify(message, []word{
		{"rate-limited", []string{"toomanyrequests", "429 too many", "rate limit"}},
		{"unreachable", []string{"no such host", "connection refused", "i/o timeout", "deadline exceeded", "dial tcp", "tls handshake", "server misbehaving"}},
		{"unauthorized", []string{"unauthorized", "access denied", "denied:", "403 forbidden", "authorization failed", "no basic auth"}},
		{"platform", []string{"no match for platform"}},
		{"not-found", []string{"not found", "notfound", "manifest unknown", "does not exist"}},
	})
}

func configClass(message string) string {
	return classify(message, []word{
		{"run-as-root", []string{"runasnonroot"}},
		{"secret-key", []string{" in secret ", "non-existent secret key"}},
		{"configmap-key", []string{"find key", "non-existent config key"}},
		{"configmap", []string{"configmap \"", "configmaps \"", "configmap references"}},
		{"secret", []string{"secret \"", "secrets \"", "secret references"}},
		{"claim", []string{"persistentvolumeclaim \""}},
	})
}

func startClass(message string) string {
	return classify(message, []word{
		{"command", []string{"executable file not found", "no such file or directory", "is a directory"}},
		{"permission", []string{"permission denied", "operation not permitted"}},
		{"platform", []string{"exec format error"}},
		{"mount", []string{"mounting", "mount"}},
	})
}

func evictedClass(message string) string {
	return classify(message, []word{
		{"memory", []string{"memory"}},
		{"disk", []string{"ephemeral-storage", "ephemeral local storage", "inodes", "disk", "emptydir"}},
		{"pids", []string{"pids"}},
	})
}

var insufficient = regexp.MustCompile(`[Ii]nsufficient ([A-Za-z0-9./_-]+)`)

// schedulingClass is the sorted set of reasons in the scheduler's sentence. The
// numbers of nodes and what preemption would do are left out: they change all
// the time.
func schedulingClass(message string) string {
	if i := strings.Index(message, "preemption:"); i >= 0 {
		message = message[:i]
	}
	var classes []string
	for _, m := range insufficient.FindAllStringSubmatch(message, -1) {
		classes = append(classes, strings.TrimRight(m[1], ".,"))
	}
	for _, w := range []word{
		{"taint", []string{"taint"}},
		{"anti-affinity", []string{"anti-affinity"}},
		{"selector", []string{"node affinity/selector", "node selector"}},
		{"spread", []string{"topology spread"}},
		{"ports", []string{"free ports"}},
		{"cordoned", []string{"were unschedulable", "was unschedulable"}},
		{"claim", []string{"persistentvolumeclaim"}},
		{"volume", []string{"volume node affinity", "max volume count"}},
	} {
		if c := classify(message, []word{w}); c != "" {
			classes = append(classes, c)
		}
	}
	slices.Sort(classes)
	return strings.Join(slices.Compact(classes), "+")
}
