package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/countersign-dev/countersign/internal/nginx"
	"github.com/countersign-dev/countersign/internal/redact"
)

// CheckNginx looks at the nginx configuration in a ConfigMap, a file or a
// directory and writes what is wrong with it, or with fix the correction as a
// unified diff. It returns the number of findings. It changes nothing.
func CheckNginx(ctx context.Context, o LookOptions, target string, fix bool, out, notes io.Writer) (int, error) {
	if o.Output != "text" && o.Output != "json" {
		return 0, fmt.Errorf("-o %q: use text or json", o.Output)
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	texts, all, err := o.nginxTexts(ctx, target, notes)
	if err != nil {
		return 0, err
	}
	options := nginx.Options{Redactor: redact.New(redact.Config{}), All: all}
	report, err := nginx.Check(texts, options)
	if errors.Is(err, nginx.ErrNothing) {
		return 0, fmt.Errorf("%s: %w; it holds: %s", target, err, keyNames(report.LeftOut))
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", target, err)
	}
	found := len(report.Findings) + report.More
	var corrections []nginx.Correction
	if fix {
		if corrections, err = nginx.Correct(texts, options, nil); err != nil {
			return 0, fmt.Errorf("%s: %w", target, err)
		}
	}
	if o.Output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return found, enc.Encode(nginxReport{Report: report, Corrections: corrections})
	}
	if fix {
		return found, writeCorrections(corrections, found, out, notes)
	}
	_, err = report.WriteTo(out)
	return found, err
}

// nginxReport is the shape of the JSON output: fields are added, never renamed.
type nginxReport struct {
	nginx.Report
	Corrections []nginx.Correction `json:"corrections,omitempty"`
}

// writeCorrections writes diffs that patch understands, and on notes what goes
// with them.
func writeCorrections(corrections []nginx.Correction, found int, out, notes io.Writer) error {
	for _, c := range corrections {
		if _, err := fmt.Fprintln(out, strings.TrimRight(c.Diff.String(), "\n")); err != nil {
			return err
		}
		fmt.Fprintf(notes, "%s: sha256 %s before, %s after\n", c.File, c.Before, c.After)
	}
	if len(corrections) == 0 && found > 0 {
		fmt.Fprintln(notes, "nothing can be corrected by line: see the findings without --fix")
	}
	return nil
}

// nginxTexts reads the target. all means that the person named the very file, so
// that it is looked at whatever it looks like.
func (o LookOptions) nginxTexts(ctx context.Context, target string, notes io.Writer) (texts map[string]string, all bool, err error) {
	kind, name, named := strings.Cut(target, "/")
	if !named || kind != "configmap" && kind != "configmaps" && kind != "cm" && kind != "ConfigMap" {
		texts, err = nginx.ReadFiles(target)
		if err != nil {
			return nil, false, fmt.Errorf("read the configuration: %w", err)
		}
		info, err := os.Stat(target)
		return texts, err == nil && !info.IsDir(), nil
	}
	conn, namespace, err := o.connect()
	if err != nil {
		return nil, false, err
	}
	client, err := kubernetes.NewForConfig(conn)
	if err != nil {
		return nil, false, fmt.Errorf("connect: %w", err)
	}
	cm, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, false, fmt.Errorf("namespace %s has no ConfigMap %s", namespace, name)
	case err != nil:
		return nil, false, fmt.Errorf("read ConfigMap %s: %w", name, err)
	}
	if len(cm.BinaryData) > 0 {
		fmt.Fprintf(notes, "not read: %d binary keys\n", len(cm.BinaryData))
	}
	return cm.Data, false, nil
}

func keyNames(names []redact.Text) redact.Text {
	if len(names) == 0 {
		return redact.Literal("nothing")
	}
	return redact.Join(", ", names[:min(len(names), 10)]...)
}
