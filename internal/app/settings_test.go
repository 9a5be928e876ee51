package app

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/internal/incident"
)

// env is an environment of these variables alone.
func env(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// variables are all that there are: the name, a value, and where it goes.
var variables = map[string]struct {
	value string
	field func(Settings) any
	want  any
}{
	"SLACK_BOT_TOKEN":        {"xoxb-1", func(s Settings) any { return s.SlackBotToken }, "xoxb-1"},
	"SLACK_APP_TOKEN":        {"xapp-1", func(s Settings) any { return s.SlackAppToken }, "xapp-1"},
	"SLACK_CHANNEL_ID":       {"C1", func(s Settings) any { return s.SlackChannelID }, "C1"},
	"SLACK_API_URL":          {"http://127.0.0.1:1/", func(s Settings) any { return s.SlackAPIURL }, "http://127.0.0.1:1/"},
	"ALLOWED_APPROVERS":      {"U1,S2", func(s Settings) any { return s.AllowedApprovers }, "U1,S2"},
	"ALLOWED_APPROVERS_FILE": {"ids", func(s Settings) any { return s.AllowedApproversFile }, "ids"},
	"REMEDIATION_MODE":       {"propose", func(s Settings) any { return s.Mode("shop") }, incident.ModePropose},
	"WATCH_NAMESPACES":       {"a, b", func(s Settings) any { return s.Namespaces() }, []string{"a", "b"}},
	"PROTECTED_NAMESPACES":   {"bank", func(s Settings) any { return slices.Contains(s.protected(), "bank") }, true},
	"POLICY_FILE":            {"my.rego", func(s Settings) any { return s.PolicyFile }, "my.rego"},
	"REDACTION_KEY_FILE":     {"key", func(s Settings) any { return s.RedactionKeyFile }, "key"},
	"REDACTION_RULES_FILE":   {"own.yaml", func(s Settings) any { return s.RedactionRulesFile }, "own.yaml"},
	"CARDS_PER_HOUR":         {"7", func(s Settings) any { return s.CardsPerHour }, 7},
	"CHANGES_PER_HOUR":       {"3", func(s Settings) any { return s.ChangesPerHour }, 3},
	"CONFIDENCE_FLOOR":       {"0.8", func(s Settings) any { return s.ConfidenceFloor }, 0.8},
	"CLUSTER_NAME":           {"eu", func(s Settings) any { return s.ClusterName }, "eu"},
	"POD_NAMESPACE":          {"cs", func(s Settings) any { return s.Namespace }, "cs"},
	"EXECUTOR_NAMESPACE":     {"cs-x", func(s Settings) any { return s.ExecutorNS }, "cs-x"},
	"EXECUTOR_IMAGE":         {"i@sha256:1", func(s Settings) any { return s.ExecutorImage }, "i@sha256:1"},
	"KEYS_DIR":               {"k", func(s Settings) any { return s.KeysDir }, "k"},
	"KUBECONFIG":             {"kc", func(s Settings) any { return s.Kubeconfig }, "kc"},
	"WATCHER_KUBECONFIG":     {"wc", func(s Settings) any { return s.WatcherConfig }, "wc"},
	"GATE_KUBECONFIG":        {"gc", func(s Settings) any { return s.GateConfig }, "gc"},
	"AI_PROVIDER":            {"openai", func(s Settings) any { return s.AIProvider }, "openai"},
	"AI_MODEL":               {"m", func(s Settings) any { return s.AIModel }, "m"},
	"AI_BASE_URL":            {"http://127.0.0.1:2/", func(s Settings) any { return s.AIBaseURL }, "http://127.0.0.1:2/"},
	"AI_API_KEY":             {"a", func(s Settings) any { return s.AIAPIKey }, "a"},
	"GEMINI_API_KEY":         {"g", func(s Settings) any { return s.AIAPIKey }, "g"},
	"GOOGLE_API_KEY":         {"o", func(s Settings) any { return s.AIAPIKey }, "o"},
	"STORE_PATH":             {"d/log", func(s Settings) any { return s.StateDir() }, "d"},
	"REDIS_URL":              {"redis://h", func(s Settings) any { return s.RedisURL }, "redis://h"},
	"HOLD_IMMEDIATE":         {"1s", func(s Settings) any { return s.Timing().Holds.Immediate }, time.Second},
	"HOLD_SETTLING":          {"2s", func(s Settings) any { return s.Timing().Holds.Settling }, 2 * time.Second},
	"HOLD_PENDING":           {"3s", func(s Settings) any { return s.Timing().Holds.Pending }, 3 * time.Second},
	"DEBOUNCE":               {"4s", func(s Settings) any { return s.Timing().Debounce }, 4 * time.Second},
	"APPROVAL_TTL":           {"5m", func(s Settings) any { return s.Timing().Offer }, 5 * time.Minute},
	"VERIFY_WINDOW":          {"6s", func(s Settings) any { return s.Timing().Verify }, 6 * time.Second},
	"QUIET_PERIOD":           {"7s", func(s Settings) any { return s.Timing().Quiet }, 7 * time.Second},
	"UNDO_WINDOW":            {"8s", func(s Settings) any { return s.Timing().Undo }, 8 * time.Second},
	"LOG_LEVEL":              {"debug", func(s Settings) any { return s.LogLevel }, "debug"},
	"HEALTH_PORT":            {"9000", func(s Settings) any { return s.HealthPort }, 9000},
	"APPROVAL_PORT":          {"9001", func(s Settings) any { return s.ApprovalPort }, 9001},
	"INSTANCE":               {"blue", func(s Settings) any { return s.Instance }, "blue"},
	"LEADER_ELECTION":        {"false", func(s Settings) any { return s.LeaderElection }, false},

	"AI_SAMPLES":               {"3", func(s Settings) any { return s.AISamples }, 3},
	"AI_CALLS_PER_HOUR":        {"4", func(s Settings) any { return s.AICallsPerHour }, 4},
	"AI_CALLS_PER_DAY":         {"5", func(s Settings) any { return s.AICallsPerDay }, 5},
	"AI_TOKENS_PER_INCIDENT":   {"6", func(s Settings) any { return s.AITokensPerIncident }, 6},
	"AI_TOKENS_PER_DAY":        {"7", func(s Settings) any { return s.AITokensPerDay }, 7},
	"AI_PRICE_PER_MILLION_IN":  {"0.5", func(s Settings) any { return s.AIPriceIn }, 0.5},
	"AI_PRICE_PER_MILLION_OUT": {"2.5", func(s Settings) any { return s.AIPriceOut }, 2.5},
}

func TestEveryEnvironmentVariableReachesItsSetting(t *testing.T) {
	for name, v := range variables {
		s, err := LoadSettings("", env(map[string]string{name: v.value}))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := v.field(s); !reflect.DeepEqual(got, v.want) {
			t.Errorf("%s: %v, want %v", name, got, v.want)
		}
		if reflect.DeepEqual(v.field(DefaultSettings()), v.want) {
			t.Errorf("%s: the default is the same, so that this shows nothing", name)
		}
	}
	var known []string
	for n := range reflect.TypeFor[Settings]().NumField() {
		if tag := reflect.TypeFor[Settings]().Field(n).Tag.Get("env"); tag != "" {
			known = append(known, strings.Split(tag, ",")...)
		}
	}
	for _, name := range known {
		if _, ok := variables[name]; !ok {
			t.Errorf("%s has no row in this test", name)
		}
	}
	if len(known) != len(variables) {
		t.Errorf("%d variables, %d rows", len(known), len(variables))
	}
}

func TestTheFirstNameOfAModelsKeyWins(t *testing.T) {
	s, err := LoadSettings("", env(map[string]string{"GOOGLE_API_KEY": "o", "GEMINI_API_KEY": "g", "AI_API_KEY": ""}))
	if err != nil || s.AIAPIKey != "g" {
		t.Errorf("%q %v", s.AIAPIKey, err)
	}
}

func TestTheEnvironmentWinsOverTheFileAndTheFileOverTheDefault(t *testing.T) {
	file := write(t, "s.yaml", "debounce: 5s\nverifyWindow: 6s\nnamespaceModes: {shop: approve}\n")
	s, err := LoadSettings(file, env(map[string]string{"DEBOUNCE": "7s"}))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Timing(); got.Debounce != 7*time.Second || got.Verify != 6*time.Second || got.Offer != 15*time.Minute {
		t.Errorf("%+v", got)
	}
	if s.Mode("shop") != incident.ModeApprove || s.Mode("bank") != incident.ModeOff {
		t.Errorf("shop %s, bank %s", s.Mode("shop"), s.Mode("bank"))
	}
}

func TestNothingSetMeansReadOnlyAndNobody(t *testing.T) {
	s, err := LoadSettings("", env(nil))
	if err != nil {
		t.Fatal(err)
	}
	approvers, err := s.Approvers()
	if err != nil || len(approvers["*"]) != 0 || s.Mode("shop") != incident.ModeOff || s.Namespaces() != nil {
		t.Errorf("%v %v %s %v", approvers, err, s.Mode("shop"), s.Namespaces())
	}
}

func TestABadSettingIsNamedWithItsRemedy(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		file string
		says []string
	}{
		"no duration":           {vars: map[string]string{"DEBOUNCE": "soon"}, says: []string{"DEBOUNCE", `"soon"`, "such as 30s"}},
		"a duration of nothing": {vars: map[string]string{"APPROVAL_TTL": "0s"}, says: []string{"APPROVAL_TTL", "longer than nothing"}},
		"a hold backwards":      {vars: map[string]string{"HOLD_PENDING": "-1s"}, says: []string{"HOLD_PENDING", "use 0s for none"}},
		"an undo backwards":     {vars: map[string]string{"UNDO_WINDOW": "-1s"}, says: []string{"UNDO_WINDOW", "use 0s for none"}},
		"no number":             {vars: map[string]string{"CHANGES_PER_HOUR": "many"}, says: []string{"CHANGES_PER_HOUR", "not a whole number"}},
		"no cards at all":       {vars: map[string]string{"CARDS_PER_HOUR": "0"}, says: []string{"CARDS_PER_HOUR", "use 1 or more"}},
		"a quota below zero":    {vars: map[string]string{"CHANGES_PER_HOUR": "-1"}, says: []string{"CHANGES_PER_HOUR", "0 allows no change"}},
		"no fraction":           {vars: map[string]string{"CONFIDENCE_FLOOR": "high"}, says: []string{"CONFIDENCE_FLOOR", "not a number"}},
		"a floor in percent":    {vars: map[string]string{"CONFIDENCE_FLOOR": "75"}, says: []string{"CONFIDENCE_FLOOR", "between 0 and 1"}},
		"a floor of no number":  {vars: map[string]string{"CONFIDENCE_FLOOR": "NaN"}, says: []string{"CONFIDENCE_FLOOR", "between 0 and 1"}},
		"no port":               {vars: map[string]string{"HEALTH_PORT": "70000"}, says: []string{"HEALTH_PORT", "0 turns"}},
		"no truth":              {vars: map[string]string{"LEADER_ELECTION": "perhaps"}, says: []string{"LEADER_ELECTION", "true or false"}},
		"no level":              {vars: map[string]string{"LOG_LEVEL": "loud"}, says: []string{"LOG_LEVEL", "debug, info, warn or error"}},
		"no mode":               {vars: map[string]string{"REMEDIATION_MODE": "on"}, says: []string{"REMEDIATION_MODE", "off, propose or approve"}},
		"a command's mode":      {vars: map[string]string{"REMEDIATION_MODE": "subprocess"}, says: []string{"REMEDIATION_MODE", "subprocess is refused", "ephemeral Job"}},
		"no provider":           {vars: map[string]string{"AI_PROVIDER": "clippy"}, says: []string{"AI_PROVIDER", "gemini, openai"}},
		"a namespace's mode":    {file: "namespaceModes: {shop: always}\n", says: []string{"namespaceModes.shop", "off, propose or approve"}},
		"a misspelt key":        {file: "remediatonMode: approve\n", says: []string{"remediatonMode", "config print"}},
		"a key twice":           {file: "debounce: 5s\ndebounce: 6s\n", says: []string{"debounce"}},
		"a bare duration":       {file: "debounce: 5\n", says: []string{"in quotes"}},
		"no YAML":               {file: "debounce: [\n", says: []string{"s.yaml"}},
		"two at once":           {vars: map[string]string{"REMEDIATION_MODE": "on", "AI_PROVIDER": "clippy"}, says: []string{"REMEDIATION_MODE", "AI_PROVIDER"}},
	} {
		file := ""
		if c.file != "" {
			file = write(t, "s.yaml", c.file)
		}
		_, err := LoadSettings(file, env(c.vars))
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
}

func TestAFileThatIsNotThereIsAnError(t *testing.T) {
	if _, err := LoadSettings("no-such.yaml", env(nil)); err == nil || !strings.Contains(err.Error(), "no-such.yaml") {
		t.Errorf("%v", err)
	}
}

func TestAPIMeansApproveAndAModeThatIsNoneMeansOff(t *testing.T) {
	s, err := LoadSettings("", env(map[string]string{"REMEDIATION_MODE": "api"}))
	if err != nil || s.Mode("shop") != incident.ModeApprove {
		t.Errorf("%s %v", s.Mode("shop"), err)
	}
	if got := (Settings{RemediationMode: "subprocess"}).Mode("shop"); got != incident.ModeOff {
		t.Errorf("a mode that was never checked is %s", got)
	}
}

func TestApproversComeFromListFileAndNamespace(t *testing.T) {
	file := write(t, "ids", "# on call\nU3 # Carol\n\nS4,W5\n")
	s := Settings{AllowedApprovers: "U1, U2", AllowedApproversFile: file, NamespaceApprovers: map[string][]string{"bank": {"U9"}, "none": {}}}
	got, err := s.Approvers()
	want := map[string][]string{"*": {"U1", "U2", "U3", "S4", "W5"}, "bank": {"U9"}, "none": {}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v, want %v", got, err, want)
	}
}

func TestAnApproverThatIsNoSlackIDIsRefused(t *testing.T) {
	for _, id := range []string{"alice", "alice@example.com", "@alice", "u1", "U", "X1", "C1"} {
		if _, err := (Settings{AllowedApprovers: id}).Approvers(); err == nil || !strings.Contains(err.Error(), id) || !strings.Contains(err.Error(), "ALLOWED_APPROVERS") {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := (Settings{NamespaceApprovers: map[string][]string{"bank": {"bob"}}}).Approvers(); err == nil || !strings.Contains(err.Error(), "namespace bank") {
		t.Errorf("%v", err)
	}
	if _, err := (Settings{AllowedApproversFile: "no-such-file"}).Approvers(); err == nil || !strings.Contains(err.Error(), "ALLOWED_APPROVERS_FILE") {
		t.Errorf("%v", err)
	}
}

func TestSecretsAreMaskedInWhatIsPrinted(t *testing.T) {
	secret := "not-" + "to-be-printed"
	s := DefaultSettings()
	s.SlackBotToken, s.SlackAppToken, s.AIAPIKey, s.RedisURL = secret+"1", secret+"2", secret+"3", secret+"4"
	text, err := s.Printable()
	if err != nil || strings.Contains(string(text), secret) || strings.Count(string(text), "(set)") != 4 {
		t.Errorf("%v\n%s", err, text)
	}
	if s.SlackBotToken != secret+"1" {
		t.Error("printing changed the settings")
	}
	again, err := LoadSettings(write(t, "s.yaml", string(text)), env(nil))
	if err != nil || again.Timing() != s.Timing() {
		t.Errorf("what was printed cannot be read: %v", err)
	}
}
