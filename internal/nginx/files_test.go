package nginx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOnlyFilesBelowTheDirectoryAreRead(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "conf")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("conf/nginx.conf", "events {}")
	write("conf/conf.d/a.conf", "server {}")
	write("conf/..2026/default.conf", "server { listen 80; }")
	write("conf/.git/config", "[core]")
	write("secret", "outside")
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	link("..2026", "..data")
	link("..data/default.conf", "default.conf") // as a kubelet mounts a ConfigMap
	texts, err := ReadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) != 3 || texts["default.conf"] != "server { listen 80; }" || texts["conf.d/a.conf"] != "server {}" {
		t.Errorf("have %v", texts)
	}
	link("../secret", "out.conf")
	if texts, err := ReadFiles(dir); err == nil {
		t.Errorf("a link led out of the directory: %v", texts)
	}
}

func TestFilesAreBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big.conf")
	if err := os.WriteFile(name, []byte(strings.Repeat("#", MaxBytes+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFiles(name); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file beyond the bound: %v", err)
	}
	if _, err := ReadFiles(filepath.Dir(name)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a directory beyond the bound: %v", err)
	}
	if _, err := ReadFiles("/dev/zero"); err == nil {
		t.Error("a device was read")
	}
}
