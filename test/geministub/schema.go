package geministub

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// jsonKeywords are the words of JSON Schema that Gemini documents for responseJsonSchema.
var jsonKeywords = []string{"$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems",
	"minItems", "maxItems", "minimum", "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required", "propertyOrdering"}

// openAPIFields are the fields of Gemini's Schema message, for responseSchema. The value says how JSON Schema reads it.
var openAPIFields = map[string]string{"type": "type", "format": "drop", "title": "keep", "description": "keep", "nullable": "drop",
	"enum": "keep", "maxItems": "int", "minItems": "int", "properties": "map", "required": "keep", "minProperties": "int",
	"maxProperties": "int", "minLength": "int", "maxLength": "int", "pattern": "keep", "example": "drop", "anyOf": "list",
	"propertyOrdering": "drop", "default": "drop", "items": "schema", "minimum": "keep", "maximum": "keep"}

// schemaOf gives the schema of a request for checking answers, nil without one, or Gemini's refusal of it.
func schemaOf(g GenerationConfig) (*jsonschema.Resolved, *apiError) {
	raw, at := g.ResponseJSONSchema, "generation_config.response_json_schema"
	if g.ResponseSchema != nil {
		var violations []violation
		at = "generation_config.response_schema"
		raw, violations = fromOpenAPI(g.ResponseSchema, at)
		if violations != nil {
			return nil, badFields(violations)
		}
	}
	if raw == nil {
		return nil, nil
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, badFields([]violation{{at, "Invalid value at '" + at + "': " + err.Error()}})
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		return nil, badFields([]violation{{at, "Invalid value at '" + at + "': " + err.Error()}})
	}
	return resolved, nil
}

// fits says whether text is one JSON value that the schema of the request allows; without a schema any JSON value fits.
func fits(text string, g GenerationConfig) error {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	schema, fail := schemaOf(g)
	if fail != nil {
		return errors.New(fail.Message)
	}
	if schema == nil {
		return nil
	}
	return schema.Validate(v)
}

// fromOpenAPI rewrites Gemini's Schema message as JSON Schema. Objects that list properties are closed: constrained decoding writes
// the listed properties only, so an answer with others is a mistake in the script.
func fromOpenAPI(raw json.RawMessage, at string) (json.RawMessage, []violation) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, []violation{{at, "Invalid value at '" + at + "': " + err.Error()}}
	}
	out := map[string]json.RawMessage{}
	var violations []violation
	for _, name := range sortedKeys(in) {
		key, value := camel(name), in[name]
		how, ok := openAPIFields[key]
		if !ok {
			violations = append(violations, unknownName(name, at))
			continue
		}
		var bad []violation
		switch how {
		case "keep":
			out[key] = value
		case "type":
			out[key], bad = openAPIType(value, at)
		case "int":
			out[key], bad = openAPIInt(value, at+"."+key)
		case "schema":
			out[key], bad = fromOpenAPI(value, at+"."+key)
		case "map":
			out[key], bad = openAPIMap(value, at+"."+key)
			out["additionalProperties"] = json.RawMessage("false")
		case "list":
			out[key], bad = openAPIList(value, at+".any_of")
		}
		violations = append(violations, bad...)
	}
	if string(in["nullable"]) == "true" {
		return compact(map[string]json.RawMessage{"anyOf": json.RawMessage(`[{"type":"null"},` + string(compact(out)) + `]`)}), violations
	}
	return compact(out), violations
}

func openAPIType(value json.RawMessage, at string) (json.RawMessage, []violation) {
	var name string
	err := json.Unmarshal(value, &name)
	types := []string{"string", "number", "integer", "boolean", "array", "object", "null"}
	if lower := strings.ToLower(name); err == nil && slices.Contains(types, lower) {
		return json.RawMessage(strconv.Quote(lower)), nil
	}
	return nil, []violation{{at + ".type", fmt.Sprintf("Invalid value at '%s.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), %s", at, value)}}
}

// openAPIInt reads a 64-bit integer, which JSON of protocol buffers may write as a string.
func openAPIInt(value json.RawMessage, at string) (json.RawMessage, []violation) {
	n, err := strconv.ParseInt(strings.Trim(string(value), `"`), 10, 64)
	if err != nil {
		return nil, []violation{{at, fmt.Sprintf("Invalid value at '%s' (TYPE_INT64), %s", at, value)}}
	}
	return json.RawMessage(strconv.FormatInt(n, 10)), nil
}

func openAPIMap(value json.RawMessage, at string) (json.RawMessage, []violation) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(value, &in); err != nil {
		return nil, []violation{{at, "Invalid value at '" + at + "': " + err.Error()}}
	}
	var violations []violation
	for i, name := range sortedKeys(in) {
		out, bad := fromOpenAPI(in[name], fmt.Sprintf("%s[%d].value", at, i))
		violations = append(violations, bad...)
		in[name] = out
	}
	return compact(in), violations
}

func openAPIList(value json.RawMessage, at string) (json.RawMessage, []violation) {
	var in []json.RawMessage
	if err := json.Unmarshal(value, &in); err != nil {
		return nil, []violation{{at, "Invalid value at '" + at + "': " + err.Error()}}
	}
	var violations []violation
	for i := range in {
		out, bad := fromOpenAPI(in[i], fmt.Sprintf("%s[%d]", at, i))
		violations = append(violations, bad...)
		in[i] = out
	}
	raw, _ := json.Marshal(in) // every element was made by compact
	return raw, violations
}
