package cluster

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// BusyboxImageName is loaded into every cluster.
const BusyboxImageName = "docker.io/library/busybox:latest"

// BusyboxImage is the machine's static busybox with a link for every applet.
func BusyboxImage() (v1.Image, error) {
	binary, err := staticBusybox()
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(binary, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("listing busybox's applets: %w", err)
	}
	files := []file{{path: "bin/busybox", from: binary}}
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet != "busybox" {
			files = append(files, file{path: "bin/" + applet, link: "/bin/busybox"})
		}
	}
	return imageOf(files, v1.Config{Cmd: []string{"sh"}, Env: []string{"PATH=/bin"}})
}

// PauseImage holds a pod's namespaces open and does nothing else.
func PauseImage() (v1.Image, error) {
	binary, err := staticBusybox()
	if err != nil {
		return nil, err
	}
	return imageOf([]file{{path: "bin/busybox", from: binary}}, v1.Config{Cmd: []string{"/bin/busybox", "sleep", "2147483647"}})
}

// BinaryImage is an image with one static binary in it, at the absolute path
// entrypoint, run as uid. It is the same image, byte for byte, for the same
// binary.
func BinaryImage(entrypoint, binary string, uid int) (v1.Image, error) {
	if !path.IsAbs(entrypoint) {
		return nil, fmt.Errorf("the entry point %q is not an absolute path", entrypoint)
	}
	return imageOf([]file{{path: strings.TrimPrefix(entrypoint, "/"), from: binary}},
		v1.Config{Entrypoint: []string{entrypoint}, User: fmt.Sprintf("%d:%d", uid, uid)})
}

// file is one entry of a layer: a copy of from, or a link.
type file struct{ path, from, link string }

func imageOf(files []file, config v1.Config) (v1.Image, error) {
	text, err := layerOf(files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		tarball.WithCompressedCaching, tarball.WithCompressionLevel(gzip.BestSpeed)) // an executor is 50 MB, read three times
	if err != nil {
		return nil, fmt.Errorf("making a layer: %w", err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, fmt.Errorf("making an image: %w", err)
	}
	base, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("making an image: %w", err)
	}
	base = base.DeepCopy()
	base.OS, base.Architecture, base.Config = "linux", architecture, config
	if image, err = mutate.ConfigFile(image, base); err != nil {
		return nil, fmt.Errorf("configuring an image: %w", err)
	}
	return image, nil
}

// layerOf writes a layer without times or owners, which would make every
// build's digest another. Root and nobody have names in it, /tmp is there.
func layerOf(files []file) ([]byte, error) {
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	write := func(h tar.Header, body []byte) error {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			return fmt.Errorf("writing a layer: %w", err)
		}
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("writing a layer: %w", err)
		}
		return nil
	}
	for _, dir := range []struct {
		name string
		mode int64
	}{{"bin/", 0o755}, {"etc/", 0o755}, {"tmp/", 0o1777}} {
		if err := write(tar.Header{Typeflag: tar.TypeDir, Name: dir.name, Mode: dir.mode}, nil); err != nil {
			return nil, err
		}
	}
	users := []byte("root:x:0:0::/:/bin/sh\nnobody:x:65532:65532::/:/bin/sh\n")
	if err := write(tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}, users); err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.link != "" {
			if err := write(tar.Header{Typeflag: tar.TypeSymlink, Name: f.path, Linkname: f.link, Mode: 0o777}, nil); err != nil {
				return nil, err
			}
			continue
		}
		body, err := os.ReadFile(f.from)
		if err != nil {
			return nil, fmt.Errorf("reading a file for a layer: %w", err)
		}
		if err := write(tar.Header{Typeflag: tar.TypeReg, Name: f.path, Mode: 0o755}, body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("closing a layer: %w", err)
	}
	return buffer.Bytes(), nil
}
