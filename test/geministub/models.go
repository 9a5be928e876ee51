package geministub

// Model says which request rules a model enforces. The zero value is an old, lenient one.
type Model struct {
	IgnoresSampling   bool // temperature, topP and topK are accepted and have no effect
	OneCandidate      bool // candidateCount above 1 is 400
	NoLogprobs        bool // responseLogprobs and logprobs are 400
	NoModelTurnLast   bool // contents that end with a model turn are 400
	NoMinimalThinking bool // thinkingLevel MINIMAL is 400
}

// DefaultModels is the list of 20 November 2026. The rules that came with 3.6 Flash also hold for 3.5 Flash-Lite. Names that only
// occur in the SDK's enumerations are left out: nobody has seen them answer.
func DefaultModels() map[string]Model {
	newRules := Model{IgnoresSampling: true, OneCandidate: true, NoLogprobs: true, NoModelTurnLast: true}
	noMinimal := newRules
	noMinimal.NoMinimalThinking = true
	return map[string]Model{
		"gemini-3.8-flash":       noMinimal,
		"gemini-3.7-flash":       noMinimal,
		"gemini-3.6-flash":       newRules,
		"gemini-3.5-flash-lite":  newRules,
		"gemini-3.5-flash":       {NoLogprobs: true},
		"gemini-3.1-flash-lite":  {},
		"gemini-3.1-pro-preview": {},
		"gemini-2.5-pro":         {},
		"gemini-2.5-flash":       {},
	}
}

// Reroute makes requests for one model be answered by another without a word, as Google does with retired models: only modelVersion
// of the answer tells. The rules of the model that answers apply. The model asked for need not exist any more.
func (s *Server) Reroute(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reroutes[from] = to
}

// resolve gives the model that answers a request for name; false means there is none.
func (s *Server) resolve(name string) (string, Model, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if to, ok := s.reroutes[name]; ok {
		name = to
	}
	m, ok := s.cfg.Models[name]
	return name, m, ok
}
