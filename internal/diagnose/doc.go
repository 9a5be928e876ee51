// Package diagnose proves what broke, by rules, from one Snapshot of the
// cluster.
//
// A rule is an entry of a table (rules): the symptoms it looks at and a pure
// function that either proves a cause or declines. Rules stand in the order of
// depth: the deepest cause that is proven wins, and a cause that nothing proves
// is Unknown, which is an honest answer. Every claim cites evidence that is
// handed out with it.
//
// For a proven cause the package offers candidate actions, each complete but
// for the bound hash, which only a rehearsal can measure. It reads nothing,
// calls no model and changes nothing.
package diagnose
