// Package loglines reads what the lines of a program's log say: which call
// failed and to whom, which variable or file is missing, why the program gave
// up, where it listens, whether its memory grows.
//
// It knows words only, and no object of a cluster: whether a line is to be
// believed is for its caller, who has the pod's spec. Every line is foreign
// text, redacted before it comes here; each reader is bounded and returns
// nothing that the line does not hold.
package loglines
