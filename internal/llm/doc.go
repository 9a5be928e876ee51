// Package llm asks a model about what the rules leave open. One call of
// Explain turns a diagnosis and its evidence into at most three ranked
// hypotheses, or into one fixed sentence that says why there are none.
//
// The model is a witness, not a hand, and its answer is foreign text. It sees
// redacted text only, each line of it marked as data. It answers in a JSON
// schema, and what it answers is judged again here without trust: causes come
// from the vocabulary, roots from the objects of the case, quotes must stand
// word for word in the evidence they cite, candidates are indexes into those
// that deterministic code offers. Links, mentions, commands and letters of
// other alphabets are taken out of its prose. It authors no action, and its
// confidence is never a measured one.
//
// Two backends speak over the wire: Gemini by Google's library, and any
// endpoint with OpenAI's chat completions. A guard at the HTTP client refuses a
// request in which the redactor still finds something.
//
// Calls are limited by the hour, tokens by the incident, and a question that
// was answered is not asked again; all three are kept in memory and start anew
// with the process. A quota of a day stops all calls until it starts again.
//
// The package runs no tools for the model, streams nothing, and does not decide
// whether a model should be asked at all.
package llm
