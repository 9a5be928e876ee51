package nginx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxFiles bounds a directory.
const maxFiles = 1000

// ReadFiles reads one file, or all files below a directory. A symbolic link that
// leads out of the directory is an error, and so is more than MaxBytes.
func ReadFiles(name string) (map[string]string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := readText(f, MaxBytes)
		return map[string]string{path.Base(name): text}, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	return readDir(root)
}

func readDir(root *os.Root) (map[string]string, error) {
	texts, left := map[string]string{}, MaxBytes
	err := fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			// Also ..data of a mounted ConfigMap: its files are linked by name.
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case len(texts) == maxFiles:
			return fmt.Errorf("more than %d files", maxFiles)
		}
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
			return err
		}
		text, err := readText(f, left)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		left -= len(text)
		texts[name] = text
		return nil
	})
	return texts, err
}

// errNotRegular is what a pipe or device gives, whose end may never come.
var errNotRegular = errors.New("not a regular file")

func readText(f *os.File, limit int) (string, error) {
	if info, err := f.Stat(); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", errNotRegular
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return "", err
	}
	if len(raw) > limit {
		return "", ErrTooLarge
	}
	return string(raw), nil
}
