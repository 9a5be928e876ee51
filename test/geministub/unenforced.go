package geministub

import (
	"encoding/json"
	"slices"
)

// unenforced names the keywords of a responseJsonSchema that Gemini does not document: whether it refuses, honours or disregards
// them is unknown, so the stand-in accepts them, says so in Call.Ignored, and still checks scripted answers against them.
func unenforced(g GenerationConfig) []string {
	found := map[string]bool{}
	walkKeywords(g.ResponseJSONSchema, found)
	var out []string
	for _, word := range sortedKeys(found) {
		out = append(out, "responseJsonSchema: "+word)
	}
	return out
}

// walkKeywords collects undocumented keywords of a schema and of those within it. Property and definition names are no keywords.
func walkKeywords(raw json.RawMessage, found map[string]bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for _, item := range list {
			walkKeywords(item, found)
		}
		return
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return // true and false are schemas too
	}
	for word, value := range fields {
		switch word {
		case "properties", "$defs":
			var named map[string]json.RawMessage
			_ = json.Unmarshal(value, &named) // the schema was resolved before, so this is an object
			for _, schema := range named {
				walkKeywords(schema, found)
			}
		case "items", "prefixItems", "anyOf", "oneOf", "additionalProperties":
			walkKeywords(value, found)
		default:
			if !slices.Contains(jsonKeywords, word) {
				found[word] = true
			}
		}
	}
}
