package geministub

import (
	"fmt"
	"slices"
)

// refuse checks a request against the rules of the model that would answer. It returns the settings Gemini would disregard, or the
// refusal. Where the wording of Google's message is not known from a report, it is ours; code and status are Google's.
func refuse(r Request, m Model, modelName string, strictSampling bool) ([]string, *apiError) {
	checks := []*apiError{
		refuseContents(r),
		refuseModelTurn(r, m),
		refuseThinking(r.GenerationConfig.ThinkingConfig, m, modelName),
		refuseCandidates(r.GenerationConfig, m, modelName),
		refuseSchemas(r.GenerationConfig),
	}
	for _, fail := range checks {
		if fail != nil {
			return nil, fail
		}
	}
	ignored := slices.Concat(sampling(r.GenerationConfig, m), unenforced(r.GenerationConfig))
	if strictSampling && m.IgnoresSampling && len(sampling(r.GenerationConfig, m)) > 0 {
		return nil, invalidArgument(fmt.Sprintf("%v is not supported for %s.", sampling(r.GenerationConfig, m), modelName))
	}
	return ignored, nil
}

func refuseContents(r Request) *apiError {
	if len(r.Contents) == 0 {
		return invalidArgument("* GenerateContentRequest.contents: contents is not specified\n")
	}
	for i, c := range r.Contents {
		if !slices.Contains([]string{"", "user", "model", "function"}, c.Role) {
			return invalidArgument("Please use a valid role: user, model.")
		}
		if len(c.Parts) == 0 {
			return invalidArgument(fmt.Sprintf("* GenerateContentRequest.contents[%d].parts: contents.parts must not be empty.\n", i))
		}
	}
	return nil
}

func refuseModelTurn(r Request, m Model) *apiError {
	last := r.Contents
	if !m.NoModelTurnLast || len(last) == 0 || last[len(last)-1].Role != "model" {
		return nil
	}
	parts := last[len(last)-1].Parts
	if len(parts) > 0 && parts[len(parts)-1].FunctionResponse != nil {
		return nil
	}
	return invalidArgument("Requests ending with a model turn are not supported.")
}

func refuseThinking(t ThinkingConfig, m Model, modelName string) *apiError {
	levels := []string{"", "THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"}
	switch {
	case !slices.Contains(levels, t.ThinkingLevel):
		return badFields([]violation{{"generation_config.thinking_config.thinking_level",
			fmt.Sprintf("Invalid value at 'generation_config.thinking_config.thinking_level': %q", t.ThinkingLevel)}})
	case t.ThinkingLevel != "" && t.ThinkingBudget != nil:
		return invalidArgument("You can only set only one of thinking budget and thinking level.")
	case t.ThinkingLevel == "MINIMAL" && m.NoMinimalThinking:
		return invalidArgument("Thinking level MINIMAL is not supported for this model: " + modelName)
	}
	return nil
}

func refuseCandidates(g GenerationConfig, m Model, modelName string) *apiError {
	switch {
	case g.CandidateCount > 1 && m.OneCandidate:
		return invalidArgument("Multiple candidates is not enabled for models/" + modelName)
	case (g.ResponseLogprobs || g.Logprobs != nil) && m.NoLogprobs:
		return invalidArgument("Logprobs is not supported for models/" + modelName)
	}
	return nil
}

func refuseSchemas(g GenerationConfig) *apiError {
	if g.ResponseSchema == nil && g.ResponseJSONSchema == nil {
		return nil
	}
	if g.ResponseSchema != nil && g.ResponseJSONSchema != nil {
		return invalidArgument("Only one of response_schema and response_json_schema may be set.")
	}
	if g.ResponseMIMEType != "application/json" && (g.ResponseMIMEType != "text/x.enum" || g.ResponseSchema == nil) {
		return invalidArgument("A response schema needs response_mime_type application/json.")
	}
	_, fail := schemaOf(g)
	return fail
}

// sampling names the sampling settings that were sent to a model that disregards them.
func sampling(g GenerationConfig, m Model) []string {
	if !m.IgnoresSampling {
		return nil
	}
	var sent []string
	if g.Temperature != nil {
		sent = append(sent, "temperature")
	}
	if g.TopP != nil {
		sent = append(sent, "topP")
	}
	if g.TopK != nil {
		sent = append(sent, "topK")
	}
	return sent
}
