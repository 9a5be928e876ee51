package stand

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/countersign-dev/countersign/test/cluster"
)

const module = "github.com/countersign-dev/countersign"

// build makes the two product binaries and brings the executor into the node as
// an image by digest.
func (s *Stand) build(ctx context.Context) (image string, err error) {
	s.binary = filepath.Join(s.Dir, "countersign")
	executor := filepath.Join(s.Dir, "executor")
	if err := goBuild(ctx, s.binary, module+"/cmd/countersign"); err != nil {
		return "", err
	}
	if err := goBuild(ctx, executor, module+"/cmd/executor"); err != nil {
		return "", err
	}
	if named := os.Getenv("EXECUTOR_IMAGE"); named != "" {
		return named, nil
	}
	made, err := cluster.BinaryImage("/executor", executor, 65532)
	if err != nil {
		return "", fmt.Errorf("make the executor's image: %w", err)
	}
	image, err = s.Cluster.LoadImage(ctx, "registry.example/countersign/executor:"+s.cfg.Name, made)
	if err != nil {
		return "", fmt.Errorf("bring the executor's image into the node (or name one that the cluster can pull by digest in EXECUTOR_IMAGE): %w", err)
	}
	return image, nil
}

// goBuild builds a static binary as a release would, but for -trimpath, which
// would compile everything a second time.
func goBuild(ctx context.Context, out, pkg string) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", out, pkg)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	var failed bytes.Buffer
	cmd.Stderr = &failed
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, failed.String())
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the module (run this inside its checkout): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
