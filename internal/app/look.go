package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/countersign-dev/countersign/internal/calibrate"
	"github.com/countersign-dev/countersign/internal/diagnose"
	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/report"
)

// LookOptions are the flags of scan and diagnose.
type LookOptions struct {
	Kubeconfig, Context, Namespace string
	AllNamespaces                  bool
	Output                         string // text or json
	Colour                         bool
}

// confidenceOf is how sure a rule is.
type confidenceOf = func(rule string) incident.Confidence

// connect resolves kubectl's flags to a connection and a namespace.
func (o LookOptions) connect() (*rest.Config, string, error) {
	if o.Output != "text" && o.Output != "json" {
		return nil, "", fmt.Errorf("-o %q: use text or json", o.Output)
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	conn, err := loader.ClientConfig()
	if err != nil {
		return nil, "", fmt.Errorf("no cluster to look at: %w (set --kubeconfig, --context or KUBECONFIG)", err)
	}
	namespace := o.Namespace
	if namespace == "" {
		if namespace, _, err = loader.Namespace(); err != nil {
			return nil, "", fmt.Errorf("read the context's namespace: %w", err)
		}
	}
	return conn, namespace, nil
}

// lookTimeout bounds one look from the command line.
const lookTimeout = 60 * time.Second

// Scan looks at one or all namespaces and writes what is broken. It returns the
// number of findings.
func Scan(ctx context.Context, o LookOptions, out, notes io.Writer) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	conn, namespace, err := o.connect()
	if err != nil {
		return 0, err
	}
	collector, confidence, err := o.tools(conn)
	if err != nil {
		return 0, err
	}
	namespaces := []string{namespace}
	if o.AllNamespaces {
		namespaces = nil
	}
	snapshot, err := collector.Namespace(ctx, namespaces)
	if err != nil {
		return 0, err
	}
	found := diagnose.All(snapshot, diagnose.Options{Now: time.Now(), Confidence: confidence})
	return len(found), o.write(found, snapshot.Unreadable, out, notes)
}

// Diagnose looks at one object and writes what is wrong with it. It returns the
// number of findings, which is 0 or 1.
func Diagnose(ctx context.Context, o LookOptions, object string, out, notes io.Writer) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	kind, name, ok := strings.Cut(object, "/")
	if !ok || kind == "" || name == "" {
		return 0, fmt.Errorf("%q is not KIND/NAME, such as deploy/web or pod/web-0", object)
	}
	conn, namespace, err := o.connect()
	if err != nil {
		return 0, err
	}
	collector, confidence, err := o.tools(conn)
	if err != nil {
		return 0, err
	}
	ref, err := collector.Resolve(ctx, kind, namespace, name)
	if err != nil {
		return 0, err
	}
	snapshot, err := collector.Subject(ctx, ref)
	if err != nil {
		return 0, err
	}
	f := diagnose.Diagnose(snapshot, ref, diagnose.Options{Now: time.Now(), Confidence: confidence})
	if f.Missing {
		return 0, fmt.Errorf("%s in namespace %s went away while it was looked at", ref, ref.Namespace)
	}
	if f.Healthy {
		return 0, o.write(nil, snapshot.Unreadable, out, notes)
	}
	return 1, o.write([]diagnose.Finding{f}, snapshot.Unreadable, out, notes)
}

func (o LookOptions) tools(conn *rest.Config) (*reader, confidenceOf, error) {
	r, err := newReader(conn, redact.New(redact.Config{}), true)
	if err != nil {
		return nil, nil, err
	}
	record, err := calibrate.Shipped()
	if err != nil {
		return nil, nil, err
	}
	return r, record.Confidence, nil
}

// write prints findings, and on notes what could not be read: a look with holes
// must not pass for a clean bill.
func (o LookOptions) write(found []diagnose.Finding, unreadable []redact.Text, out, notes io.Writer) error {
	for _, u := range unreadable {
		fmt.Fprintln(notes, "not read:", u)
	}
	var err error
	if o.Output == "json" {
		err = report.JSON(out, found)
	} else {
		err = report.Text(out, found, o.Colour)
	}
	if err != nil {
		return err
	}
	if len(found) == 0 && len(unreadable) > 0 {
		return errors.New("nothing was found in what could be read, but not everything could be (see above)")
	}
	return nil
}
