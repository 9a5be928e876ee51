package cluster

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const architecture = runtime.GOARCH

// ErrForeignCluster says that images cannot be put into a cluster that the
// user named: they have to be where its nodes pull from.
var ErrForeignCluster = errors.New("this cluster is not ours: push the image to a registry its nodes can pull from")

// naming keeps two loads of one image apart: with --force ctr deletes the name
// before it makes it again.
var naming sync.Mutex

// LoadImage puts an image into the cluster's containerd as ref, and once more
// as NAME@DIGEST, which it returns. It also pushes it to the cluster's
// registry, so that every imagePullPolicy works for the registries that one
// stands in for; for other hosts the policy has to be IfNotPresent or Never.
func (c *Cluster) LoadImage(ctx context.Context, ref string, image v1.Image) (string, error) {
	if c.foreign {
		return "", ErrForeignCluster
	}
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return "", fmt.Errorf("reading the image name: %w", err)
	}
	if _, isTag := parsed.(name.Tag); !isTag {
		return "", fmt.Errorf("the image name %s has a digest: give it a tag, the digest follows from the image", ref)
	}
	digest, err := image.Digest()
	if err != nil {
		return "", fmt.Errorf("computing the image's digest: %w", err)
	}
	full := canonical(parsed)
	byDigest := canonical(parsed.Context().Digest(digest.String()))
	archive, err := c.archive(full, image)
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(archive) }()
	if err := c.ctr(ctx, "images", "import", filepath.Join(archive, "image.tar")); err != nil {
		return "", fmt.Errorf("importing %s: %w", full, err)
	}
	naming.Lock()
	err = c.ctr(ctx, "images", "tag", "--force", full, byDigest)
	naming.Unlock()
	if err != nil {
		return "", fmt.Errorf("naming %s by digest: %w", full, err)
	}
	return byDigest, c.push(ctx, parsed.Context().RepositoryStr(), parsed.Identifier(), image)
}

// LoadTarball is LoadImage for an image in a file, as `docker save` or `crane
// pull` write it.
func (c *Cluster) LoadTarball(ctx context.Context, ref, file string) (string, error) {
	image, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		return "", fmt.Errorf("reading the image in %s: %w", file, err)
	}
	return c.LoadImage(ctx, ref, image)
}

func (c *Cluster) loadBaseImages(ctx context.Context) error {
	for _, base := range []struct {
		ref   string
		image func() (v1.Image, error)
	}{{pauseImage, PauseImage}, {BusyboxImageName, BusyboxImage}} {
		image, err := base.image()
		if err != nil {
			return err
		}
		if _, err := c.LoadImage(ctx, base.ref, image); err != nil {
			return err
		}
	}
	return nil
}

// canonical is how the kubelet writes a name: the library calls Docker's
// registry index.docker.io, everybody else docker.io.
func canonical(ref name.Reference) string {
	if ref.Context().RegistryStr() != name.DefaultRegistry {
		return ref.Name()
	}
	return "docker.io/" + ref.Context().RepositoryStr() + ref.Name()[len(ref.Context().Name()):]
}

// archive writes the image as an OCI layout in a tar file. Unlike Docker's
// format it keeps the manifest as it is, and with it the digest.
func (c *Cluster) archive(ref string, image v1.Image) (dir string, err error) {
	if dir, err = os.MkdirTemp(c.path("images"), "load-"); err != nil {
		return "", fmt.Errorf("making a directory for an image: %w", err)
	}
	tree := filepath.Join(dir, "layout")
	l, err := layout.Write(tree, empty.Index)
	if err != nil {
		return dir, fmt.Errorf("writing an image layout: %w", err)
	}
	if err := l.AppendImage(image, layout.WithAnnotations(map[string]string{"io.containerd.image.name": ref})); err != nil {
		return dir, fmt.Errorf("writing an image layout: %w", err)
	}
	return dir, tarTree(tree, filepath.Join(dir, "image.tar"))
}

func tarTree(tree, out string) error {
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("creating an image archive: %w", err)
	}
	w := tar.NewWriter(f)
	err = w.AddFS(os.DirFS(tree))
	if err := errors.Join(err, w.Close(), f.Close()); err != nil {
		return fmt.Errorf("writing an image archive: %w", err)
	}
	return nil
}

// HasImage reports whether the node has an image of that name.
func (c *Cluster) HasImage(ctx context.Context, ref string) (bool, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return false, fmt.Errorf("reading the image name: %w", err)
	}
	if c.foreign {
		return false, ErrForeignCluster
	}
	out, err := exec.CommandContext(ctx, "ctr", c.ctrArgs("images", "list", "-q", "name=="+canonical(parsed))...).Output()
	if err != nil {
		return false, fmt.Errorf("listing images: %w", err)
	}
	return len(out) > 0, nil
}

func (c *Cluster) ctrArgs(args ...string) []string {
	return append([]string{"--address=" + c.containerdSocket(), "--namespace=k8s.io"}, args...)
}

func (c *Cluster) ctr(ctx context.Context, args ...string) error {
	if _, err := os.Stat(c.containerdSocket()); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("containerd of %s does not run", c.dir)
	}
	out, err := exec.CommandContext(ctx, "ctr", c.ctrArgs(args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr %v: %w: %s", args, err, out)
	}
	return nil
}
