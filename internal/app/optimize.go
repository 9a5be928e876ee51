package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
	"github.com/countersign-dev/countersign/internal/kube"
	"github.com/countersign-dev/countersign/internal/policy"
	"github.com/countersign-dev/countersign/internal/redact"
	"github.com/countersign-dev/countersign/internal/report"
	"github.com/countersign-dev/countersign/internal/sizing"
	"github.com/countersign-dev/countersign/internal/watch"
)

// OptimizeOptions are the flags of optimize.
type OptimizeOptions struct {
	LookOptions
	Watch    time.Duration // 0: one look
	Settings string        // file with the policy's settings
	Prices   report.Prices
	Live     bool // the notes go to a terminal: progress is one line that changes
}

const (
	// samplePace is how often metrics-server measures, unless told otherwise.
	samplePace = 15 * time.Second
	// longestWatch bounds what is kept in memory.
	longestWatch = 2 * time.Hour
)

// Optimize compares use with requests, limits and autoscalers and writes what
// should have another size. object is KIND/NAME, or empty for a whole namespace.
// It returns the number of findings.
func Optimize(ctx context.Context, o OptimizeOptions, object string, out, notes io.Writer) (int, error) {
	if o.Watch < 0 || o.Watch > longestWatch {
		return 0, fmt.Errorf("--watch %s: use between 0s and %s", o.Watch, longestWatch)
	}
	bounds, err := o.bounds()
	if err != nil {
		return 0, err
	}
	conn, namespace, err := o.connect()
	if err != nil {
		return 0, err
	}
	collector, _, err := o.tools(conn)
	if err != nil {
		return 0, err
	}
	s := sizer{collector: collector, namespaces: []string{namespace}, notes: notes, live: o.Live}
	if o.AllNamespaces {
		s.namespaces = nil
	}
	var about action.Ref
	if object != "" {
		if about, err = s.find(ctx, object, namespace); err != nil {
			return 0, err
		}
	}
	snapshot, err := s.gather(ctx, o.Watch)
	if err != nil {
		return 0, err
	}
	r := sizing.Judge(snapshot, bounds)
	if object != "" {
		r = r.About(snapshot.Index().Subject(about))
		if len(r.Findings) == 0 && len(r.Uses) == 0 && about.Kind != "HorizontalPodAutoscaler" && about.Kind != "PersistentVolumeClaim" {
			return 0, fmt.Errorf("%s in namespace %s runs no pod of which use could be measured", about, about.Namespace)
		}
	}
	return len(r.Findings), o.writeSizing(r, snapshot.Unreadable, out, notes)
}

// bounds are those of the policy's settings: what it protects, which kinds of
// action it enables, how many pods a change may replace.
func (o OptimizeOptions) bounds() (sizing.Bounds, error) {
	s := policy.DefaultSettings()
	if o.Settings != "" {
		raw, err := os.ReadFile(o.Settings)
		if err != nil {
			return sizing.Bounds{}, fmt.Errorf("--settings: %w", err)
		}
		if s, err = policy.ParseSettings(raw, s); err != nil {
			return sizing.Bounds{}, fmt.Errorf("--settings %s: %w", o.Settings, err)
		}
	}
	return sizing.Bounds{
		Protected: s.Protected, MaxPods: s.MaxPods.Deny,
		Enabled: func(namespace string) bool {
			kinds, own := s.NamespaceKinds[namespace]
			if !own {
				kinds = s.Kinds
			}
			return slices.Contains(kinds, action.SetResources)
		},
	}, nil
}

// sizer reads what a judgement needs.
type sizer struct {
	collector  *reader
	namespaces []string
	notes      io.Writer
	live       bool
}

func (s sizer) find(ctx context.Context, object, namespace string) (action.Ref, error) {
	if s.namespaces == nil {
		return action.Ref{}, errors.New("-A looks at all namespaces: name one object with -n, or leave it out")
	}
	kind, name, err := watch.SplitTarget(object)
	if err != nil {
		return action.Ref{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return s.collector.Resolve(ctx, kind, namespace, name)
}

func (s sizer) look(ctx context.Context) (*kube.Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return s.collector.Sizing(ctx, s.namespaces)
}

// gather looks once, or samples for a while and looks at the objects again at
// the end. An interrupt ends the sampling early; what was gathered counts.
func (s sizer) gather(ctx context.Context, long time.Duration) (*kube.Snapshot, error) {
	first, err := s.look(ctx)
	if err != nil || long == 0 {
		return first, err
	}
	samples := first.Usage
	begin := time.Now()
	tick := time.NewTicker(samplePace)
	defer tick.Stop()
	for time.Since(begin) < long {
		s.progress(time.Since(begin), long)
		select {
		case <-ctx.Done():
			fmt.Fprintf(s.notes, "\ninterrupted after %s: what was sampled until then counts\n", time.Since(begin).Round(time.Second))
			first.Usage = samples
			return first, nil
		case <-tick.C:
		case <-time.After(long - time.Since(begin)):
		}
		more, err := s.sample(ctx)
		if err != nil && ctx.Err() == nil {
			fmt.Fprintln(s.notes, "\na sample is missing:", err)
		}
		samples = append(samples, more...)
	}
	s.progress(long, long)
	last, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	last.Usage = append(samples, last.Usage...)
	return last, nil
}

func (s sizer) sample(ctx context.Context) ([]kube.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, samplePace)
	defer cancel()
	return s.collector.Usage(ctx, s.namespaces)
}

// progress says how far a watch is: on a terminal in one line, elsewhere once a
// minute.
func (s sizer) progress(done, of time.Duration) {
	done, of = done.Round(time.Second), of.Round(time.Second)
	switch {
	case s.live && done >= of:
		fmt.Fprintf(s.notes, "\r\x1b[K")
	case s.live:
		fmt.Fprintf(s.notes, "\r\x1b[Ksampling: %s of %s", done, of)
	case done%time.Minute < samplePace && done < of:
		fmt.Fprintf(s.notes, "sampling: %s of %s\n", done, of)
	}
}

// writeSizing prints the report, and on notes what it does not cover. Nothing
// found in a look with holes is not "all well".
func (o OptimizeOptions) writeSizing(r sizing.Report, unreadable []redact.Text, out, notes io.Writer) error {
	for _, u := range unreadable {
		fmt.Fprintln(notes, "not read:", u)
	}
	for _, b := range r.Blind {
		fmt.Fprintln(notes, "not judged:", b)
	}
	if r.Unsampled > 0 {
		fmt.Fprintf(notes, "%d running pods have no sample yet: what they use is not known (the first comes up to a minute after the start)\n", r.Unsampled)
	}
	var err error
	if o.Output == "json" {
		err = report.SizingJSON(out, r, o.Prices)
	} else {
		err = report.Sizing(out, r, o.Prices, o.Colour)
	}
	if err != nil {
		return err
	}
	if len(r.Findings) == 0 && (len(unreadable) > 0 || r.Unsampled > 0 || len(r.Blind) > 0) {
		return errors.New("nothing was found in what is known, but not everything is (see above)")
	}
	return nil
}
