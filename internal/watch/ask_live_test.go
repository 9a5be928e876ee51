package watch

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/redact"
)

// TestLiveAModelReadsACrashOnARealCluster asks what a model would, of a real API
// server and kubelet.
func TestLiveAModelReadsACrashOnARealCluster(t *testing.T) {
	conn, client, ns := live(t)
	secret := "hunter2" + "hunter2"
	spec := with(busybox("echo connecting to orders-db; echo FATAL: no table prices; exit 3"), func(c *corev1.Container) {
		c.Env = []corev1.EnvVar{{Name: "DB_HOST", Value: "orders-db:5432"}, {Name: "DB_PASSWORD", Value: secret}}
	})
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment(ns, "shop", spec), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Services(ns).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-db"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "orders-db"}, Ports: []corev1.ServicePort{{Port: 5432}}},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the container has restarted", func() bool {
		pods, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 1 && len(pods.Items[0].Status.ContainerStatuses) == 1 && pods.Items[0].Status.ContainerStatuses[0].RestartCount > 0
	})
	meta, err := metadata.NewForConfig(conn)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCollector(CollectorConfig{Client: client, Metadata: meta, Redactor: redact.New(redact.Config{Key: []byte("k")})})
	if err != nil {
		t.Fatal(err)
	}
	subject := kube.Key("Deployment", ns, "shop")
	k := c.Case(subject)
	for _, tt := range []struct {
		ask  incident.Ask
		says []string
	}{
		{incident.AskNeighbours, []string{"Deployment/shop controls Pod/shop-", "names Service/orders-db: 0 ready endpoints"}},
		{incident.AskDescribe, []string{"DB_HOST", "orders-db:5432", "conditions:"}},
		{incident.AskLog, []string{"FATAL: no table prices"}},
		{incident.AskPreviousLog, []string{"FATAL: no table prices"}},
		{incident.AskEvents, []string{"ScalingReplicaSet"}},
	} {
		var got incident.Answer
		eventually(t, string(tt.ask)+" is answered", func() bool { // a log may be on its way, or just cleared away
			got = k.Ask(t.Context(), incident.Question{Ask: tt.ask, Object: subject})
			return got.Refused.IsEmpty()
		})
		t.Logf("%s: %s\n%s", tt.ask, got.Refused, got.Evidence.Text)
		for _, must := range tt.says {
			if !strings.Contains(got.Evidence.Text.String(), must) {
				t.Errorf("%s lacks %q", tt.ask, must)
			}
		}
		if strings.Contains(got.Evidence.Text.String(), secret) {
			t.Errorf("%s tells the password", tt.ask)
		}
	}
	for _, foreign := range []string{"kube-system", "default", ""} {
		if got := k.Ask(t.Context(), incident.Question{Ask: incident.AskEvents, Object: kube.Key("Deployment", foreign, "shop")}); got.Refused.IsEmpty() {
			t.Errorf("an object of namespace %q was read", foreign)
		}
	}
}
