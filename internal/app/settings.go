package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/llm"
)

// Settings are everything that an operator can set. Each field has a key in the
// settings file and an environment variable, which wins. Unknown keys are
// refused: a misspelt safety setting must not pass for the default.
type Settings struct {
	SlackBotToken  string `json:"slackBotToken" env:"SLACK_BOT_TOKEN" secret:"true"`
	SlackAppToken  string `json:"slackAppToken" env:"SLACK_APP_TOKEN" secret:"true"`
	SlackChannelID string `json:"slackChannelID" env:"SLACK_CHANNEL_ID"`
	SlackAPIURL    string `json:"slackAPIURL" env:"SLACK_API_URL"`

	AllowedApprovers     string              `json:"allowedApprovers" env:"ALLOWED_APPROVERS"`
	AllowedApproversFile string              `json:"allowedApproversFile" env:"ALLOWED_APPROVERS_FILE"`
	NamespaceApprovers   map[string][]string `json:"namespaceApprovers"`

	RemediationMode string            `json:"remediationMode" env:"REMEDIATION_MODE"`
	NamespaceModes  map[string]string `json:"namespaceModes"`
	WatchNamespaces string            `json:"watchNamespaces" env:"WATCH_NAMESPACES"`
	Protected       string            `json:"protectedNamespaces" env:"PROTECTED_NAMESPACES"`
	PolicyFile      string            `json:"policyFile" env:"POLICY_FILE"`
	ChangesPerHour  int               `json:"changesPerHour" env:"CHANGES_PER_HOUR"`
	CardsPerHour    int               `json:"cardsPerHour" env:"CARDS_PER_HOUR"`
	ConfidenceFloor float64           `json:"confidenceFloor" env:"CONFIDENCE_FLOOR"`
	ClusterName     string            `json:"clusterName" env:"CLUSTER_NAME"`
	Instance        string            `json:"instance" env:"INSTANCE"`
	Namespace       string            `json:"namespace" env:"POD_NAMESPACE"`
	ExecutorNS      string            `json:"executorNamespace" env:"EXECUTOR_NAMESPACE"`
	ExecutorImage   string            `json:"executorImage" env:"EXECUTOR_IMAGE"`
	KeysDir         string            `json:"keysDir" env:"KEYS_DIR"`
	Kubeconfig      string            `json:"kubeconfig" env:"KUBECONFIG"`
	WatcherConfig   string            `json:"watcherKubeconfig" env:"WATCHER_KUBECONFIG"`
	GateConfig      string            `json:"gateKubeconfig" env:"GATE_KUBECONFIG"`

	AIProvider string `json:"aiProvider" env:"AI_PROVIDER"`
	AIModel    string `json:"aiModel" env:"AI_MODEL"`
	AIBaseURL  string `json:"aiBaseURL" env:"AI_BASE_URL"`
	AIAPIKey   string `json:"aiAPIKey" env:"AI_API_KEY,GEMINI_API_KEY,GOOGLE_API_KEY" secret:"true"`

	AISamples           int     `json:"aiSamples" env:"AI_SAMPLES"`
	AICallsPerHour      int     `json:"aiCallsPerHour" env:"AI_CALLS_PER_HOUR"`
	AICallsPerDay       int     `json:"aiCallsPerDay" env:"AI_CALLS_PER_DAY"`
	AITokensPerIncident int     `json:"aiTokensPerIncident" env:"AI_TOKENS_PER_INCIDENT"`
	AITokensPerDay      int     `json:"aiTokensPerDay" env:"AI_TOKENS_PER_DAY"`
	AIPriceIn           float64 `json:"aiPricePerMillionIn" env:"AI_PRICE_PER_MILLION_IN"`
	AIPriceOut          float64 `json:"aiPricePerMillionOut" env:"AI_PRICE_PER_MILLION_OUT"`

	RedactionKeyFile   string `json:"redactionKeyFile" env:"REDACTION_KEY_FILE"`
	RedactionRulesFile string `json:"redactionRulesFile" env:"REDACTION_RULES_FILE"`

	StorePath string `json:"storePath" env:"STORE_PATH"`
	RedisURL  string `json:"redisURL" env:"REDIS_URL" secret:"true"`

	HoldImmediate duration `json:"holdImmediate" env:"HOLD_IMMEDIATE"`
	HoldSettling  duration `json:"holdSettling" env:"HOLD_SETTLING"`
	HoldPending   duration `json:"holdPending" env:"HOLD_PENDING"`
	Debounce      duration `json:"debounce" env:"DEBOUNCE"`
	ApprovalTTL   duration `json:"approvalTTL" env:"APPROVAL_TTL"`
	VerifyWindow  duration `json:"verifyWindow" env:"VERIFY_WINDOW"`
	QuietPeriod   duration `json:"quietPeriod" env:"QUIET_PERIOD"`
	UndoWindow    duration `json:"undoWindow" env:"UNDO_WINDOW"`

	LogLevel       string `json:"logLevel" env:"LOG_LEVEL"`
	HealthPort     int    `json:"healthPort" env:"HEALTH_PORT"`
	ApprovalPort   int    `json:"approvalPort" env:"APPROVAL_PORT"`
	LeaderElection bool   `json:"leaderElection" env:"LEADER_ELECTION"`
}

// DefaultSettings are what holds where nothing is set.
func DefaultSettings() Settings {
	t := incident.DefaultTiming()
	return Settings{
		RemediationMode: string(incident.ModeOff), WatchNamespaces: "all", ChangesPerHour: 10, CardsPerHour: 60, ConfidenceFloor: 0.75,
		Namespace: "countersign", ExecutorNS: "countersign-exec", KeysDir: "keys", StorePath: "countersign.log",
		HoldImmediate: duration(t.Holds.Immediate), HoldSettling: duration(t.Holds.Settling), HoldPending: duration(t.Holds.Pending),
		Debounce: duration(t.Debounce), ApprovalTTL: duration(t.Offer), VerifyWindow: duration(t.Verify),
		QuietPeriod: duration(t.Quiet), UndoWindow: duration(t.Undo),
		AIProvider: "gemini", AIModel: "gemini-3.8-flash", AISamples: 1,
		AICallsPerHour: llm.DefaultCallsPerHour, AICallsPerDay: llm.DefaultCallsPerDay,
		AITokensPerIncident: llm.DefaultTokensPerIncident, AITokensPerDay: llm.DefaultTokensPerDay,
		LogLevel: "info", HealthPort: 8081, ApprovalPort: 8082, LeaderElection: true,
	}
}

// check finds what is wrong with the settings themselves, all at once.
func (s Settings) check() error {
	var errs []error
	for name, text := range map[string]string{"REMEDIATION_MODE": s.RemediationMode} {
		if _, err := parseMode(text); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	for ns, text := range s.NamespaceModes {
		if _, err := parseMode(text); err != nil {
			errs = append(errs, fmt.Errorf("namespaceModes.%s: %w", ns, err))
		}
	}
	errs = append(errs, s.checkDurations()...)
	errs = append(errs, s.checkModel()...)
	if !(s.ConfidenceFloor >= 0 && s.ConfidenceFloor <= 1) { // so that NaN is refused
		errs = append(errs, fmt.Errorf("CONFIDENCE_FLOOR: %v is not between 0 and 1", s.ConfidenceFloor))
	}
	if s.ChangesPerHour < 0 {
		errs = append(errs, fmt.Errorf("CHANGES_PER_HOUR: %d is below 0; 0 allows no change at all", s.ChangesPerHour))
	}
	if s.CardsPerHour < 1 {
		errs = append(errs, fmt.Errorf("CARDS_PER_HOUR: %d would announce nothing; use 1 or more", s.CardsPerHour))
	}
	if s.HealthPort < 0 || s.HealthPort > 65535 {
		errs = append(errs, fmt.Errorf("HEALTH_PORT: %d is no port; 0 turns the health server off", s.HealthPort))
	}
	if s.ApprovalPort < 0 || s.ApprovalPort > 65535 {
		errs = append(errs, fmt.Errorf("APPROVAL_PORT: %d is no port; 0 turns approval by signature off", s.ApprovalPort))
	}
	if _, err := s.Level(); err != nil {
		errs = append(errs, err)
	}
	sort.Slice(errs, func(a, b int) bool { return errs[a].Error() < errs[b].Error() })
	return errors.Join(errs...)
}

// checkDurations refuses what would stop the loop or run backwards.
func (s Settings) checkDurations() []error {
	var errs []error
	for name, d := range map[string]duration{
		"DEBOUNCE": s.Debounce, "APPROVAL_TTL": s.ApprovalTTL, "VERIFY_WINDOW": s.VerifyWindow,
	} {
		if d <= 0 {
			errs = append(errs, fmt.Errorf("%s: %s must be longer than nothing", name, time.Duration(d)))
		}
	}
	for name, d := range map[string]duration{
		"HOLD_IMMEDIATE": s.HoldImmediate, "HOLD_SETTLING": s.HoldSettling, "HOLD_PENDING": s.HoldPending,
		"QUIET_PERIOD": s.QuietPeriod, "UNDO_WINDOW": s.UndoWindow,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s: %s is below 0; use 0s for none", name, time.Duration(d)))
		}
	}
	return errs
}

// Level is the least level that is logged.
func (s Settings) Level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return 0, fmt.Errorf("LOG_LEVEL: %q is not known; use debug, info, warn or error", s.LogLevel)
	}
	return level, nil
}

// parseMode reads a remediation mode. "api" is what older installations of
// comparable tools say for approve; "subprocess" is a mode that this one refuses
// to have.
func parseMode(text string) (incident.Mode, error) {
	switch text {
	case "api", string(incident.ModeApprove):
		return incident.ModeApprove, nil
	case string(incident.ModeOff), "":
		return incident.ModeOff, nil
	case string(incident.ModePropose):
		return incident.ModePropose, nil
	case "subprocess":
		return "", errors.New("subprocess is refused: changes are made by an ephemeral Job under its own account, never by a command; use off, propose or approve")
	}
	return "", fmt.Errorf("%q is not a mode; use off, propose or approve", text)
}

// Mode is the remediation mode of a namespace.
func (s Settings) Mode(namespace string) incident.Mode {
	text, ok := s.NamespaceModes[namespace]
	if !ok {
		text = s.RemediationMode
	}
	m, err := parseMode(text)
	if err != nil {
		return incident.ModeOff
	}
	return m
}

// Namespaces are the watched namespaces; nil means all.
func (s Settings) Namespaces() []string {
	if s.WatchNamespaces == "" || s.WatchNamespaces == "all" {
		return nil
	}
	return splitList(s.WatchNamespaces)
}

func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// Approvers are the approvers by namespace, "*" for all others. Nobody is named
// by default.
func (s Settings) Approvers() (map[string][]string, error) {
	out := map[string][]string{"*": splitList(s.AllowedApprovers)}
	if s.AllowedApproversFile != "" {
		raw, err := os.ReadFile(s.AllowedApproversFile)
		if err != nil {
			return nil, fmt.Errorf("ALLOWED_APPROVERS_FILE: %w", err)
		}
		for _, line := range strings.Split(string(raw), "\n") {
			line, _, _ = strings.Cut(line, "#")
			out["*"] = append(out["*"], splitList(line)...)
		}
	}
	for ns, ids := range s.NamespaceApprovers {
		out[ns] = ids
	}
	for ns, ids := range out {
		for _, id := range ids {
			if len(id) < 2 || !strings.ContainsRune("UWS", rune(id[0])) || strings.ToUpper(id) != id {
				return nil, fmt.Errorf("ALLOWED_APPROVERS, ALLOWED_APPROVERS_FILE, namespaceApprovers: %q (namespace %s) is not a Slack user id (U…, W…) or user group id (S…); names and e-mail addresses are not accepted", id, ns)
			}
		}
	}
	return out, nil
}

// Timing are the durations of the incident loop.
func (s Settings) Timing() incident.Timing {
	t := incident.DefaultTiming()
	t.Holds = incident.Holds{Immediate: time.Duration(s.HoldImmediate), Settling: time.Duration(s.HoldSettling), Pending: time.Duration(s.HoldPending)}
	t.Debounce, t.Offer, t.Verify = time.Duration(s.Debounce), time.Duration(s.ApprovalTTL), time.Duration(s.VerifyWindow)
	t.Quiet, t.Undo = time.Duration(s.QuietPeriod), time.Duration(s.UndoWindow)
	return t
}

// Printable is the settings with secrets masked, as YAML.
func (s Settings) Printable() ([]byte, error) {
	v := reflect.ValueOf(&s).Elem()
	for n := range v.NumField() {
		if v.Type().Field(n).Tag.Get("secret") == "true" && v.Field(n).String() != "" {
			v.Field(n).SetString("(set)")
		}
	}
	return yaml.Marshal(s)
}

// StateDir is where the embedded store lives.
func (s Settings) StateDir() string { return filepath.Dir(s.StorePath) }
