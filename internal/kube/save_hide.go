package kube

import (
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/countersign-dev/countersign/internal/redact"
)

// slimmer takes out of objects what a case needs no more, and hides what people
// write into them: variables, commands, headers, options of volumes. Rules see
// these raw, in memory; a file does not.
type slimmer struct{ r *redact.Redactor }

func (m slimmer) pod(p *corev1.Pod) {
	m.spec(&p.Spec)
	s := &p.Status
	s.PodIP, s.PodIPs, s.HostIP, s.HostIPs = "", nil, "", nil
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range list {
			list[i].ContainerID = ""
			for _, state := range []*corev1.ContainerState{&list[i].State, &list[i].LastTerminationState} {
				if state.Terminated != nil {
					state.Terminated.ContainerID = ""
				}
			}
		}
	}
}

func (m slimmer) template(t *corev1.PodTemplateSpec) {
	m.meta(&t.ObjectMeta)
	m.spec(&t.Spec)
}

func (m slimmer) spec(s *corev1.PodSpec) {
	for _, list := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range list {
			m.container(&list[i])
		}
	}
	s.EphemeralContainers, s.HostAliases = nil, nil
	for i := range s.Volumes {
		v := &s.Volumes[i]
		if v.CSI != nil {
			m.values(v.CSI.VolumeAttributes)
		}
		if v.FlexVolume != nil {
			m.values(v.FlexVolume.Options)
		}
	}
}

func (m slimmer) container(c *corev1.Container) {
	for i := range c.Env {
		c.Env[i].Value = m.named(c.Env[i].Name, c.Env[i].Value)
	}
	c.Command, c.Args = m.words("", c.Command), m.words(last(c.Command), c.Args)
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p != nil {
			m.asks(p.Exec, p.HTTPGet)
		}
	}
	if c.Lifecycle == nil {
		return
	}
	for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
		if h != nil {
			m.asks(h.Exec, h.HTTPGet)
		}
	}
}

func (m slimmer) asks(run *corev1.ExecAction, get *corev1.HTTPGetAction) {
	if run != nil {
		run.Command = m.words("", run.Command)
	}
	if get == nil {
		return
	}
	get.Path = m.text(get.Path)
	for i := range get.HTTPHeaders {
		get.HTTPHeaders[i].Value = m.named(get.HTTPHeaders[i].Name, get.HTTPHeaders[i].Value)
	}
}

// words hides within a command. A word may be the value of the flag before it.
func (m slimmer) words(before string, words []string) []string {
	if words == nil {
		return nil
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = m.text(w)
		if name := strings.TrimLeft(before, "-"); name != before && !strings.Contains(name, "=") && !strings.HasPrefix(w, "-") {
			out[i] = m.named(name, out[i])
		}
		before = w
	}
	return out
}

func last(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

func (m slimmer) values(of map[string]string) {
	for name, value := range of {
		of[name] = m.named(name, value)
	}
}

func (m slimmer) text(s string) string {
	if s == "" {
		return ""
	}
	return m.r.Redact(s).String()
}

// named hides a value that its name gives away, as a whole.
func (m slimmer) named(name, value string) string {
	if value == "" {
		return ""
	}
	value = m.text(value)
	raw, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		return hidden // cannot happen: strings
	}
	pair := map[string]string{}
	if err := json.Unmarshal([]byte(m.r.Redact(string(raw)).String()), &pair); err != nil || len(pair) != 1 {
		return hidden
	}
	for _, v := range pair {
		value = v // under whatever name: that may have been hidden, too
	}
	return value
}

// hidden stands for a value that could not be looked at.
const hidden = "(hidden)"
