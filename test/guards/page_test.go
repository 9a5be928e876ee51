package guards_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The rows of docs/threat-model.md to which guards belong, by how they begin.
const (
	rowMoved    = "The target changes between approval and execution"
	rowWords    = "The words on the card are not the change"
	rowReplay   = "Replay, double click, redelivery, restart"
	rowLostVote = "An acknowledged press is lost"
	rowSpoof    = "Somebody else presses"
	rowUnknown  = "Who pressed, or whether they may, cannot be told"
	rowModel    = "Orders to the model hidden in the cluster's text"
	rowNames    = "Names that become arguments"
	rowDeputy   = "An executor is sent against another object"
	rowJobs     = "Who may create Jobs may be anybody in that namespace"
	rowRehearse = "A rehearsal writes"
	rowWall     = "The wall is taken down"
	rowPolicy   = "The policy changes after the offer"
	rowEdited   = "Guards are edited by those they guard"
	rowToken    = "The bot's token is stolen and a card edited"
	rowStore    = "The store is tampered with"
	rowForgets  = "The store forgets"
	rowRace     = "Two replicas append at once"
	rowSecrets  = "Secrets leave through the model, Slack or logs"
	rowReads    = "A read-only role reads Secrets"
	rowMarkup   = "Mentions, links and markup in foreign text"
	rowAudit    = "The audit log is altered"
	rowRego     = "The policy is wrong or answers nothing"
	rowSetting  = "A wrong setting passes for the default"
	rowDefect   = "A defect in one step"
	rowFatigue  = "Approval fatigue"
	rowStop     = "Stop does not stop"
	rowSecond   = "Slack or the gate alone acts where the namespace asks for more"
	rowEdit     = "An edit smuggles a change past its approvers"
	rowGlass    = "Broken glass becomes a habit"
	rowRecords  = "An effect without a record"
	rowNetwork  = "An executor talks to others than the API server"
)

// page is docs/threat-model.md, with the rows of its table by their threats.
func page(t *testing.T) (text string, rows map[string][]string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root(t), "docs", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows = map[string][]string{}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if strings.HasPrefix(line, "| ") && len(cells) > 1 {
			rows[strings.TrimSpace(cells[0])] = cells
		}
	}
	return string(raw), rows
}

var (
	quoted    = regexp.MustCompile("`([a-z0-9-]+)`")
	testNames = regexp.MustCompile(`\b(Test|Fuzz)[A-Z][A-Za-z0-9]+\b`)
)

func TestThePageNamesEveryGuardInItsRow(t *testing.T) {
	_, rows := page(t)
	known := map[string]bool{}
	for _, g := range table() {
		known[g.id] = true
		cells := rows[g.threat]
		if len(cells) != 4 {
			t.Errorf("%s: the page has no row %q with four cells", g.id, g.threat)
			continue
		}
		if !slices.ContainsFunc(quoted.FindAllStringSubmatch(cells[3], -1), func(m []string) bool { return m[1] == g.id }) {
			t.Errorf("%s (%s) is not named in the row %q", g.id, g.says, g.threat)
		}
	}
	for threat, cells := range rows {
		for _, m := range quoted.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			if len(cells) == 4 && threat != "threat" && !known[m[1]] {
				t.Errorf("the row %q names %s, which is no guard here", threat, m[1])
			}
		}
	}
}

func TestEveryTestThatThePageNamesExists(t *testing.T) {
	text, _ := page(t)
	grep := exec.CommandContext(t.Context(), "grep", "-rhoE", "--include=*_test.go", `^func (Test|Fuzz)[A-Za-z0-9]+`, "cmd", "internal", "policies", "test")
	grep.Dir = root(t)
	out, err := grep.Output()
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, name := range strings.Fields(string(out)) {
		exists[name] = true
	}
	named := testNames.FindAllString(text, -1)
	for _, name := range named {
		if !exists[name] {
			t.Errorf("the page names %s, which is no test", name)
		}
	}
	if len(named) < 50 {
		t.Errorf("the page names %d tests only", len(named))
	}
}
