package cluster

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestMissingProgramsAreNamedByTheirDebianPackages(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt-get either
	err := installPackages(context.Background(), func(string) {})
	if !errors.Is(err, ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	for _, pkg := range []string{"containerd", "runc", "etcd-server", "iptables", "iproute2", "conntrack", "busybox-static"} {
		if !strings.Contains(err.Error(), pkg) {
			t.Errorf("error %q does not name %s", err, pkg)
		}
	}
}

func TestNoTwoClustersShareAnAddressOrAName(t *testing.T) {
	seen := map[string]int{}
	var nets []*net.IPNet
	for n := range maxClusters {
		p := newPlan(n)
		for _, s := range []string{p.name, p.link, p.host, p.node, p.apiIP, p.dnsIP, p.environment(), p.slotPath()} {
			if other, taken := seen[s]; taken {
				t.Errorf("clusters %d and %d share %s", other, n, s)
			}
			seen[s] = n
		}
		for _, text := range []string{p.linkNet, p.pods, p.svcs} {
			_, ours, err := net.ParseCIDR(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range nets {
				if other.Contains(ours.IP) || ours.Contains(other.IP) {
					t.Errorf("%s and %s overlap", ours, other)
				}
			}
			nets = append(nets, ours)
		}
	}
}

func TestAChangeOfAnyFileOfAToolsModuleChangesItsHash(t *testing.T) {
	dir := t.TempDir()
	hash := func(file, text string) string {
		t.Helper()
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := hashOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash("go.mod", "module a")
	if again := hash("go.mod", "module a"); again != first {
		t.Errorf("the same files have hashes %s and %s", first, again)
	}
	if changed := hash("go.mod", "module b"); changed == first {
		t.Error("another go.mod has the same hash")
	}
	before := hash("go.mod", "module a")
	if after := hash("cmd/x/main.go", "package main"); after == before {
		t.Error("another file leaves the hash as it was")
	}
}

func TestImageNamesAreWrittenAsTheKubeletWritesThem(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0a", 32)
	for given, want := range map[string]string{
		"busybox":                       "docker.io/library/busybox:latest",
		"docker.io/library/busybox:1.0": "docker.io/library/busybox:1.0",
		"shop/web:v2":                   "docker.io/shop/web:v2",
		"registry.example/shop/web:v2":  "registry.example/shop/web:v2",
		"shop/web" + digest:             "docker.io/shop/web" + digest,
		"localhost:5000/a/b:c":          "localhost:5000/a/b:c",
	} {
		ref, err := name.ParseReference(given)
		if err != nil {
			t.Fatal(err)
		}
		if got := canonical(ref); got != want {
			t.Errorf("canonical(%s) = %s, want %s", given, got, want)
		}
	}
}

func TestAnImageIsLoadedByTagOnlyAndNeverIntoSomebodysCluster(t *testing.T) {
	ours := &Cluster{dir: t.TempDir()}
	if _, err := ours.LoadImage(t.Context(), "a@sha256:"+strings.Repeat("0a", 32), nil); err == nil || !strings.Contains(err.Error(), "tag") {
		t.Errorf("loading by digest: %v", err)
	}
	theirs := &Cluster{foreign: true}
	if _, err := theirs.LoadImage(t.Context(), "a:b", nil); !errors.Is(err, ErrForeignCluster) {
		t.Errorf("loading into a named cluster: %v, want ErrForeignCluster", err)
	}
	if err := theirs.Down(); err != nil {
		t.Errorf("Down of a named cluster: %v, want nothing done", err)
	}
}
