// Package policies holds the Rego that decides about changes, as it is built
// into the program. Tests of the policy stand beside it and run with any OPA.
package policies

import _ "embed"

// Source is the policy in force unless settings name another.
//
//go:embed countersign.rego
var Source string
