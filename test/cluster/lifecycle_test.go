package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/test/cluster"
)

// bringUpAndHang is the test binary as a harness that will be killed: it brings
// a cluster up for itself, with a pod in it, and says how far it is.
func bringUpAndHang(dir string) {
	ctx := context.Background()
	c, err := cluster.Up(ctx, cluster.Config{Dir: dir, Log: func(line string) { fmt.Println(line) }})
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	if err == nil {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "left"}, Spec: podSpec(cluster.BusyboxImageName, "sleep", "3600")}
		_, err = client.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{})
	}
	for err == nil {
		var pod *corev1.Pod
		if pod, err = client.CoreV1().Pods("default").Get(ctx, "left", metav1.GetOptions{}); err == nil && pod.Status.Phase == corev1.PodRunning {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("HANGING", err)
	for {
		time.Sleep(time.Hour)
		runtime.KeepAlive(c) // collected, it would let go of the cluster's lock
	}
}

// harness starts this test binary as one, and returns when it has said until.
func harness(t *testing.T, dir, until string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "COUNTERSIGN_TEST_HARNESS="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "FAILED") {
			break
		}
		if strings.Contains(lines.Text(), until) {
			return cmd
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("the harness said %q and never %q", lines.Text(), until)
	return nil
}

func TestNothingIsLeftOfAClusterAfterDownOrAfterItsHarnessWasKilled(t *testing.T) {
	skipWithout(t)
	others := slots(t)
	for _, tt := range []struct{ name, killAt string }{
		{"killed while the API server starts", "etcd and containerd"},
		{"killed with a pod running", "HANGING"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := shortDir(t)
			before := traces(t, dir, others)
			h := harness(t, dir, tt.killAt)
			if cmp.Equal(before, traces(t, dir, others)) {
				t.Fatal("a running cluster leaves no traces: this test cannot see any")
			}
			if _, err := cluster.Up(t.Context(), cluster.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), strconv.Itoa(h.Process.Pid)) {
				t.Errorf("a second Up in the same directory: %v, want a refusal that names process %d", err, h.Process.Pid)
			}
			if err := h.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = h.Wait() // "signal: killed"
			c, err := cluster.Up(t.Context(), cluster.Config{Dir: dir, Log: func(line string) { t.Log(line) }})
			if err != nil {
				t.Fatal(err)
			}
			client, err := kubernetes.NewForConfig(c.AdminConfig())
			if err != nil {
				t.Fatal(err)
			}
			if pods, err := client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{}); err != nil || len(pods.Items) > 0 {
				t.Errorf("the new cluster has pods %v, %v: want a fresh one", pods, err)
			}
			if err := c.Down(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, traces(t, dir, others)); diff != "" {
				t.Errorf("traces before and after:\n%s", diff)
			}
			if err := c.Down(); err != nil {
				t.Errorf("a second Down: %v", err)
			}
		})
	}
}

// traces is all of the machine that a cluster might change, but for what
// belongs to a cluster that was running when the test began.
func traces(t *testing.T, dir string, others []string) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		got["links"] = append(got["links"], link.Name)
	}
	for what, command := range map[string][]string{
		"routes":   {"ip", "route"},
		"iptables": {"iptables-save"},
	} {
		out, err := exec.Command(command[0], command[1:]...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if line, _, _ = strings.Cut(line, "["); !strings.HasPrefix(line, "#") { // without the counters
				got[what] = append(got[what], line)
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	got["mounts"] = strings.Split(string(mounts), "\n")
	for what, pattern := range map[string]string{
		"cgroups": "/sys/fs/cgroup/*/countersign-*", "cgroup": "/sys/fs/cgroup/countersign-*", "slots": "/run/countersign-cluster/*",
		"namespaces": "/run/netns/*", "shims": "/run/containerd/s/*", "cni": "/var/lib/cni/*", "directory": dir,
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		got[what] = found
	}
	got["processes"] = marked(t, others)
	for _, values := range got {
		sort.Strings(values)
	}
	return got
}

// slots are the numbers of the clusters that run now.
func slots(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob("/run/countersign-cluster/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

// marked lists the processes that a cluster started, and everything that runs
// in a network namespace of its own, as containers do; but none of the others'
// clusters, where pods come and go.
func marked(t *testing.T, others []string) []string {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		// Any of these is empty for a process that has ended meanwhile.
		environ, _ := os.ReadFile(dir + "/environ")
		cgroup, _ := os.ReadFile(dir + "/cgroup")
		name, _ := os.ReadFile(dir + "/comm")
		network, err := os.Readlink(dir + "/ns/net")
		if belongsTo(others, string(environ)+"\x00", string(cgroup)) {
			continue
		}
		if err == nil && network != own || strings.Contains(string(environ), "COUNTERSIGN_CLUSTER=") {
			found = append(found, filepath.Base(dir)+" "+strings.TrimSpace(string(name)))
		}
	}
	return found
}

func belongsTo(clusters []string, environ, cgroup string) bool {
	for _, number := range clusters {
		if strings.Contains(environ, "COUNTERSIGN_CLUSTER="+number+"\x00") || strings.Contains(cgroup, "/countersign-"+number+"/") {
			return true
		}
	}
	return false
}

// shortDir is a directory whose sockets have short enough paths; t.TempDir
// would carry the test's name. It does not exist yet.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cs-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Down(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestADirectoryWithSomebodysFilesIsRefusedAndKept(t *testing.T) {
	skipWithout(t)
	dir := t.TempDir()
	if len(dir) > 60 {
		dir = shortDir(t)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	precious := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(precious, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Up(t.Context(), cluster.Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("Up over somebody's files: %v", err)
	}
	if err := cluster.Down(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotThereIsSaidPlainly(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func() error
		want string
	}{
		{"a directory too long for sockets", func() error {
			_, err := cluster.Running(t.Context(), "/tmp/"+strings.Repeat("long", 20))
			return err
		}, "choose a shorter one"},
		{"no cluster running", func() error { _, err := cluster.Running(t.Context(), "/tmp/cs-none"); return err }, cluster.ErrNotRunning.Error()},
		{"a context without a name", func() error { _, err := cluster.Existing(""); return err }, "CLUSTER=context:NAME"},
		{"a context that does not exist", func() error { _, err := cluster.Existing("no-such-context"); return err }, "no-such-context"},
		{"a tools module that does not exist", func() error { _, err := cluster.BuildTools(t.Context(), "shovel", nil); return err }, "shovel"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.do(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to say %q", err, tt.want)
			}
		})
	}
	if err := cluster.Available(); err != nil && !errors.Is(err, cluster.ErrUnavailable) {
		t.Errorf("Available gives %v, which is no ErrUnavailable", err)
	}
}
