package watch

import (
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/redact"
)

func TestALookInsideAConfigMapKeepsTheFaultAndItsCorrectionOnly(t *testing.T) {
	password := "hunter2-" + strings.Repeat("q9Zx", 6)
	texts := map[string]string{
		"default.conf": "server {\n  listen 8080\n  root /www;\n  set $api_key \"" + password + "\";\n}\n",
		"index.html":   "<p>{};</p>",
	}
	list := checkNginx(redact.New(redact.Config{}), texts, []int{3, 4, 99})
	if len(list) != 2 || list[0].Key != "default.conf" || len(list[1].Faults) > 0 || list[1].Edit != nil {
		t.Fatalf("have %+v", list)
	}
	c := list[0]
	if len(c.Faults) != 1 || c.Faults[0].Line != 2 || c.Faults[0].Reported != 3 || c.Faults[0].Quote.String() != "  listen 8080" {
		t.Errorf("the faults are %+v", c.Faults)
	}
	if c.Edit == nil || len(c.Edit.Lines) != 1 || c.Edit.Lines[0].After.String() != "  listen 8080;" || len(c.Edit.Before) != 64 {
		t.Errorf("the correction is %+v", c.Edit)
	}
	if len(c.Quotes) != 2 || c.Quotes[0].Text.String() != "  root /www;" || strings.Contains(c.Quotes[1].Text.String(), password) {
		t.Errorf("the quotes are %+v", c.Quotes)
	}
}

func TestACorrectionThatLeavesTheFileRefusedIsNotHandedOn(t *testing.T) {
	texts := map[string]string{"default.conf": "server {\n  listen 8080\n  root /www;\n  add_header A;\n}\n"}
	list := checkNginx(redact.New(redact.Config{}), texts, []int{3})
	if len(list) != 1 || len(list[0].Faults) != 2 || list[0].Edit != nil {
		t.Errorf("have %+v", list)
	}
}
