package loglines

import (
	"strings"
	"testing"
)

func TestLogsNameUnsetVariables(t *testing.T) {
	for line, want := range map[string]string{
		"sh: DB_HOST: parameter not set":                                         "DB_HOST",
		"sh: DB_HOST: parameter not set or null":                                 "DB_HOST",
		"/start.sh: line 3: DB_HOST: unbound variable":                           "DB_HOST",
		"FATAL: required environment variable DB_PASSWORD is not set":            "DB_PASSWORD",
		`Error: environment variable "API_URL" must be set`:                      "API_URL",
		"missing required environment variable: STRIPE_ACCOUNT":                  "STRIPE_ACCOUNT",
		"Missing env var SHOP_REGION":                                            "SHOP_REGION",
		"required key SHOP_DB missing value":                                     "SHOP_DB",
		"panic: SHOP_DB is required":                                             "SHOP_DB",
		"DATABASE_URL not set, exiting":                                          "DATABASE_URL",
		"ERROR: not found":                                                       "",
		"FATAL: is required reading":                                             "",
		"WARN is not set up for colour":                                          "",
		"KeyError: 'price'":                                                      "",
		"the variable x is not set":                                              "",
		"HTTP 404 not found":                                                     "",
		"connected to DB_HOST":                                                   "",
		"2026-11-20T10:00:00Z ERROR cannot read file: no such file or directory": "",
	} {
		if got, _ := Unset(line); got != want {
			t.Errorf("%q: want %q, have %q", line, want, got)
		}
	}
}

func TestLogsSayWhereAServerListens(t *testing.T) {
	for line, want := range map[string]int32{
		"listening on :8080":                           8080,
		"Server listening at http://0.0.0.0:3000":      3000,
		"Tomcat started on port(s): 8080 (http)":       8080,
		"Started ShopApplication on port 9000":         9000,
		"INFO: Uvicorn running on http://0.0.0.0:8000": 8000,
		"starting up":                         0,
		"listening for events since 12:30:45": 0,
		"connected to db:5432":                0,
		"server listening on port 99999":      0,
	} {
		if got := Listens(line); got != want {
			t.Errorf("%q: want %d, have %d", line, want, got)
		}
	}
}

func TestLinesMarkedAsErrorsAreTold(t *testing.T) {
	for line, want := range map[string]bool{
		"ERROR: no price list":                    true,
		"2026-11-20 10:00:00 ERROR no price list": true,
		"[ERROR] no price list":                   true,
		"level=fatal msg=\"no price list\"":       true,
		`{"level":"error","msg":"no price list"}`: true,
		"SEVERE: no price list":                   true,
		"10:00 FATAL [main] no price list":        true,
		"INFO 0 errors so far":                    false,
		"error handling middleware loaded":        false,
		"GET /errors/list 200":                    false,
		"starting with ERROR_MODE=strict":         false,
	} {
		if IsError(line) != want {
			t.Errorf("%q: want %t", line, want)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add("sh: DB_HOST: parameter not set")
	f.Add("listening on 0.0.0.0:8080")
	f.Add("panic: x")
	f.Fuzz(func(t *testing.T, line string) {
		if name, ok := Unset(line); ok && !strings.Contains(line, name) {
			t.Errorf("invented %q", name)
		}
		if port := Listens(line); port < 0 || port > 65535 {
			t.Errorf("port %d", port)
		}
		IsTrace(line)
		IsError(line)
		TroubleOf(line)
	})
}
