// Package corpus plants synthetic secrets, and things that look like secrets
// and are none, in text as clusters have it. Every value is drawn at run time
// from a seed, so that no file of the repository holds anything that a secret
// scanner stops at. The forms are the providers' own, written without a look
// at the patterns of internal/redact.
package corpus
