package geministub

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// apiError is Google's error message: {"error":{"code":…,"message":…,"status":…,"details":[…]}}.
type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

func (e apiError) body() []byte { return encode(map[string]apiError{"error": e}, "  ") }

// violation is one entry of google.rpc.BadRequest.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"`
}

func unknownName(name, at string) violation {
	text := "Invalid JSON payload received. Unknown name " + strconv.Quote(name)
	if at != "" {
		text += " at '" + at + "'"
	}
	return violation{at, text + ": Cannot find field."}
}

func invalidArgument(message string) *apiError {
	return &apiError{Code: 400, Message: message, Status: "INVALID_ARGUMENT"}
}

// badFields is a 400 that lists every field at fault; its message repeats their descriptions, one per line.
func badFields(v []violation) *apiError {
	e := invalidArgument("")
	for i, f := range v {
		if i > 0 {
			e.Message += "\n"
		}
		e.Message += f.Description
	}
	e.Details = []any{map[string]any{"@type": rpc("BadRequest"), "fieldViolations": v}}
	return e
}

func keyMissing() *apiError {
	return &apiError{Code: 403, Status: "PERMISSION_DENIED", Message: "Method doesn't allow unregistered callers (callers without established " +
		"identity). Please use API Key or other form of API consumer identity to call this API."}
}

func keyInvalid() *apiError {
	const text = "API key not valid. Please pass a valid API key."
	e := invalidArgument(text)
	e.Details = []any{
		map[string]any{"@type": rpc("ErrorInfo"), "reason": "API_KEY_INVALID", "domain": "googleapis.com",
			"metadata": map[string]string{"service": "generativelanguage.googleapis.com"}},
		map[string]any{"@type": rpc("LocalizedMessage"), "locale": "en-US", "message": text},
	}
	return e
}

func modelUnknown(name, method string) *apiError {
	return &apiError{Code: 404, Status: "NOT_FOUND", Message: "models/" + name + " is not found for API version v1beta, or is not supported for " +
		method + ". Call ListModels to see the list of available models and their supported methods."}
}

// quota is a 429. A quotaID of "" leaves only the Help detail, which real answers sometimes do; a negative delay leaves out RetryInfo.
func quota(model, quotaID, limit string, delay time.Duration) *apiError {
	const link = "https://ai.google.dev/gemini-api/docs/rate-limits"
	e := &apiError{Code: 429, Status: "RESOURCE_EXHAUSTED",
		Message: "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: " + link + "."}
	if quotaID != "" {
		e.Details = append(e.Details, map[string]any{"@type": rpc("QuotaFailure"), "violations": []any{map[string]any{
			"quotaMetric":     "generativelanguage.googleapis.com/generate_content_free_tier_requests",
			"quotaId":         quotaID,
			"quotaDimensions": map[string]string{"location": "global", "model": model},
			"quotaValue":      limit,
		}}})
	}
	e.Details = append(e.Details, map[string]any{"@type": rpc("Help"),
		"links": []any{map[string]string{"description": "Learn more about Gemini API quotas", "url": link}}})
	if delay >= 0 {
		e.Details = append(e.Details, map[string]any{"@type": rpc("RetryInfo"), "retryDelay": protoDuration(delay)})
	}
	return e
}

func rpc(name string) string { return "type.googleapis.com/google.rpc." + name }

// protoDuration writes a duration as JSON of protocol buffers does: decimal seconds, then "s".
func protoDuration(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// sortedKeys makes walks over decoded objects, and with them messages, repeatable.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
