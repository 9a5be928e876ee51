package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/countersign-dev/countersign/internal/action"
)

// keys looks at the gate's keys: whether they can be used, and by whom.
func (e *examination) keys(context.Context) []row {
	modes := map[string]fs.FileMode{}
	for _, file := range e.KeyFiles {
		// Stat follows the links by which a mounted Secret shows its files.
		if info, err := os.Stat(filepath.Join(e.KeysDir, file)); err == nil {
			modes[file] = info.Mode().Perm()
		}
	}
	return []row{keysRow(e.KeysDir, modes, e.KeysError)}
}

func keysRow(dir string, modes map[string]fs.FileMode, err error) row {
	const name = "keys"
	if err != nil {
		return bad(name, err.Error(), "make a pair with 'countersign keys init', or set KEYS_DIR to where the gate's keys are")
	}
	var open []string
	for file, mode := range modes {
		if mode&0o077 != 0 {
			open = append(open, fmt.Sprintf("%s has mode %04o", file, mode))
		}
	}
	if len(open) > 0 {
		slices.Sort(open)
		return bad(name, strings.Join(open, ", ")+": others than its owner may use it", "chmod 600 the files in "+dir+" (defaultMode 0400 for a mounted Secret)")
	}
	return good(name, "readable by their owner alone")
}

// approvers looks whether anybody could approve anything.
func (e *examination) approvers(context.Context) []row {
	return []row{approversRow(e.Wall.Remediate, e.Approvers)}
}

func approversRow(remediate bool, named map[string][]string) row {
	const name = "approvers"
	count, without := 0, []string{}
	for namespace, ids := range named {
		count += len(ids)
		if len(ids) == 0 && namespace != "*" {
			without = append(without, namespace)
		}
	}
	switch {
	case !remediate:
		return skipped(name, "REMEDIATION_MODE is off: there is nothing to approve")
	case count == 0:
		return bad(name, "nobody is named, so that nobody can approve", "set ALLOWED_APPROVERS to Slack user ids (U…) or user group ids (S…)")
	case len(without) > 0:
		slices.Sort(without)
		return bad(name, "nobody is named for "+strings.Join(without, ", "), "name somebody under namespaceApprovers, or leave the namespace out")
	}
	return good(name, "%d named", count)
}

// anchor looks at the audit head in the cluster.
func (e *examination) anchor(ctx context.Context) []row {
	const name = "audit anchor"
	found, err := e.client.CoreV1().ConfigMaps(e.Wall.Namespace).Get(ctx, action.AnchorName, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return []row{unclear(name, err, "")}
	}
	if err != nil {
		return []row{anchorRow(name, nil, false)}
	}
	return []row{anchorRow(name, found.Data, true)}
}

func anchorRow(name string, data map[string]string, there bool) row {
	switch {
	case !there:
		return bad(name, "ConfigMap "+action.AnchorName+" is missing", installAgain+", then start the gate: it writes the head every second")
	case data["head"] == "":
		return bad(name, "ConfigMap "+action.AnchorName+" holds no head yet", "start the gate, and see its log if the head stays away")
	}
	return good(name, "the head is in ConfigMap %s", action.AnchorName)
}
