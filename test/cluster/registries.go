package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const registryPort = "5000"

// mirrored are the registries that the cluster's own answers for. Any other
// host does not resolve, which is a fault worth having too.
func mirrored() []string {
	return []string{"docker.io", "registry.k8s.io", "quay.io", "ghcr.io", "gcr.io", "registry.example", "private.example", "limited.example"}
}

func (c *Cluster) registryURL() string {
	return "http://" + net.JoinHostPort(c.plan.node, registryPort)
}

// writeRegistries sends containerd to the cluster's registry for them.
func (c *Cluster) writeRegistries() error {
	for _, host := range mirrored() {
		dir := c.path("registries", host)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making a registry's directory: %w", err)
		}
		// server names the mirror as well, so that there is no second try at
		// the real host, whose failure would hide the mirror's answer.
		text := fmt.Sprintf("server = %[1]q\n[host.%[1]q]\n  capabilities = [\"pull\", \"resolve\"]\n", c.registryURL())
		if err := os.WriteFile(dir+"/hosts.toml", []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing a registry's configuration: %w", err)
		}
	}
	return nil
}

// push uploads an image to the cluster's registry. The two requests are all it
// takes there; the library's own client would bring Docker's credential store
// into this module for them.
func (c *Cluster) push(ctx context.Context, repository, tag string, image v1.Image) error {
	layers, err := image.Layers()
	if err != nil {
		return fmt.Errorf("reading an image's layers: %w", err)
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return fmt.Errorf("reading a layer's digest: %w", err)
		}
		blob, err := layer.Compressed()
		if err != nil {
			return fmt.Errorf("reading a layer: %w", err)
		}
		err = c.pushBlob(ctx, repository, digest, blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			return err
		}
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return fmt.Errorf("reading an image's configuration: %w", err)
	}
	digest, err := image.ConfigName()
	if err != nil {
		return fmt.Errorf("reading an image's configuration: %w", err)
	}
	if err := c.pushBlob(ctx, repository, digest, bytes.NewReader(config)); err != nil {
		return err
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return fmt.Errorf("reading an image's manifest: %w", err)
	}
	media, err := image.MediaType()
	if err != nil {
		return fmt.Errorf("reading an image's manifest: %w", err)
	}
	return send(ctx, http.MethodPut, c.registryURL()+"/v2/"+repository+"/manifests/"+tag, string(media), bytes.NewReader(manifest))
}

func (c *Cluster) pushBlob(ctx context.Context, repository string, digest v1.Hash, blob io.Reader) error {
	return send(ctx, http.MethodPost, c.registryURL()+"/v2/"+repository+"/blobs/uploads/?digest="+url.QueryEscape(digest.String()), "application/octet-stream", blob)
}

func send(ctx context.Context, method, to, media string, body io.Reader) error {
	request, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return fmt.Errorf("pushing an image: %w", err)
	}
	request.Header.Set("Content-Type", media)
	// Directly: a proxy of the machine knows nothing of the cluster.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("pushing an image: %w", err)
	}
	if err := answer.Body.Close(); err != nil {
		return fmt.Errorf("pushing an image: %w", err)
	}
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("pushing an image: %s %s: %s", method, to, answer.Status)
	}
	return nil
}
