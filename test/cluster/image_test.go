package cluster_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/countersign-dev/countersign/test/cluster"
)

func TestTheSameBinaryMakesTheSameImage(t *testing.T) {
	t.Parallel()
	digest := func(content string) string {
		t.Helper()
		binary := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(binary, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		image, err := cluster.BinaryImage("/executor", binary, 65532)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Config.User != "65532:65532" || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/executor" {
			t.Errorf("configuration %+v", config.Config)
		}
		d, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	if a, b := digest("one"), digest("one"); a != b {
		t.Errorf("two digests of one binary: %s and %s", a, b)
	}
	if a, b := digest("one"), digest("two"); a == b {
		t.Error("two binaries have one digest")
	}
}

func TestAnEntryPointHasToBeAnAbsolutePath(t *testing.T) {
	t.Parallel()
	if _, err := cluster.BinaryImage("executor", "/dev/null", 65532); err == nil {
		t.Error("a relative entry point was taken")
	}
}
