// Package redactbench holds the redactor against gitleaks, in one run on one
// machine: speed, and whether gitleaks finds anything that is left. It is a
// module of its own so that gitleaks is no requirement of the product.
//
// With -tags gore2regex gitleaks uses RE2 instead of Go's expressions.
package redactbench
