package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/audit"
	"github.com/countersign-dev/countersign/internal/doctor"
	"github.com/countersign-dev/countersign/internal/redact"
)

func TestEachReasonHaltsAndOnlyThoseOfAStartHold(t *testing.T) {
	says := func(s string) func() string { return func() string { return s } }
	quiet := halts{says(""), says(""), says("")}
	if quiet.Halt() != "" || quiet.Hold() {
		t.Fatalf("halted without a reason: %q", quiet.Halt())
	}
	for reason, holds := range map[string]bool{
		"stopped by alice": false, switchUnread: true, doctor.BeingProven: true, audit.NotCompared: true,
	} {
		for name, h := range map[string]halts{
			"kill switch": {says(reason), says(""), says("")},
			"fence":       {says(""), says(reason), says("")},
			"audit":       {says(""), says(""), says(reason)},
		} {
			if h.Halt() != reason || h.Hold() != holds {
				t.Errorf("%s, %q: halted by %q, holds %v", name, reason, h.Halt(), h.Hold())
			}
		}
	}
	if h := (halts{says("stopped by alice"), says(doctor.BeingProven), says("")}); h.Hold() {
		t.Error("a stop is held back because the fence is being proven")
	}
}

func TestBeforeAJobTheClusterItselfIsAskedForTheSwitch(t *testing.T) {
	var data map[string]string // nil: there is no such ConfigMap
	status := 0                // of a failure
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status != 0 {
			http.Error(w, "etcd is away", status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		var body any = &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Code: 404}
		if strings.HasSuffix(r.URL.Path, "/namespaces/cs/configmaps/"+action.SwitchName) && data != nil {
			body = &corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}, Data: data}
		} else {
			w.WriteHeader(http.StatusNotFound)
		}
		_ = json.NewEncoder(w).Encode(body)
	}))
	defer api.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	c := &control{client: client, namespace: "cs", redactor: redact.New(redact.Config{})}
	if halt, err := c.Fresh(t.Context()); err != nil || halt != "" {
		t.Errorf("no switch: %q, %v", halt, err)
	}
	data = action.Switch{}.Data()
	if halt, err := c.Fresh(t.Context()); err != nil || halt != "" {
		t.Errorf("a switch that runs: %q, %v", halt, err)
	}
	data = action.Switch{Stopped: true, By: "U1", Reason: "the registry moves"}.Data()
	if halt, err := c.Fresh(t.Context()); err != nil || !strings.Contains(halt, "U1") || !strings.Contains(halt, "the registry moves") {
		t.Errorf("a switch that is thrown: %q, %v", halt, err)
	}
	if c.Halt() != switchUnread {
		t.Errorf("before the watch has read it: %q", c.Halt())
	}
	status = http.StatusInternalServerError
	if _, err := c.Fresh(t.Context()); err == nil {
		t.Error("a switch that cannot be read is no error")
	}
}
