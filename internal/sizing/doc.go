// Package sizing compares what containers use with what they ask for: requests,
// limits, autoscalers. From one Snapshot, whose Usage holds the samples, it
// finds what is about to break and what is paid for and idle, and says for each
// what it rests on: how many samples, over how long. It reads nothing and changes
// nothing.
//
// What the figures are. metrics.k8s.io keeps one sample of each container, the
// mean of its processor time over some 15 s and its working set at one moment,
// which counts active page cache. One such sample is one look: it may warn, and
// it never proposes. A change is proposed from three samples over 45 s on, and
// memory is lowered only after ten minutes of samples, never below the peak that
// was seen with half of it on top, and by one step that another takes back
// (action.MemoryChange). What is no typed action of the catalogue (requests
// alone, processor limits, replicas, autoscalers, claims) is advice: a command
// for a person.
//
// What they cannot be. metrics.k8s.io has no counter of throttled periods. The
// kubelet has (stats/summary, metrics/cadvisor), and the fine-grained kubelet
// authorization of Kubernetes 1.36 gives nodes/stats and nodes/metrics apart from
// nodes/proxy; but those rights are checked by the kubelet itself. Through the API
// server the path is nodes/NAME/proxy/…, and the API server asks for nodes/proxy
// first, whatever the path: a right that also runs commands in every pod of the
// node. Straight to the kubelet the watcher would hand its token to every node,
// mostly behind a certificate that nobody signed, and read all namespaces at once.
// Neither is worth it: use at the limit, seen over a time, is called what it is.
package sizing
