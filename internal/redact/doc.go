// Package redact makes text from the cluster safe to leave the process, as a
// type: a Text has passed a Redactor, only this package can make one with
// content, and whatever faces a model, Slack, MCP, a log or the audit accepts
// nothing else. A string variable given to Literal, Sprintf or Join does not
// compile. (A type parameter over ~string, reflection or unsafe can still get
// around the compiler; that is a matter for review, not for this type.)
//
// # How it works
//
// One call is one or more rounds over the text, until a round changes nothing:
//
//  1. clean.go takes out ANSI sequences, control, zero-width and bidirectional
//     characters, and brackets that look like our placeholders;
//  2. automaton.go, an Aho-Corasick machine over ASCII-folded bytes, finds the
//     anchors of table.go and of the providers' table of facts in
//     tokentable.go and providertable.go; each anchor has a finder that looks around it (fields,
//     URLs, headers, commands, PEM, manifests, tokens);
//  3. joined.go and unescaped.go look the same way at views without the breaks
//     of a terminal or a container runtime, and without a string's escapes;
//  4. scan.go finds by shape what has no anchor: addresses, e-mail, numbers,
//     and runs that are base64, hex, URL-encoded or drawn at random; encoded
//     text is decoded and looked at again, two deep;
//  5. what was found is merged and replaced by placeholders: ⟨kind:7f3a2c⟩
//     with six hex digits of an HMAC over key, scope and value, or the object's
//     name ⟨svc shop/cache⟩ for an address the cluster knows.
//
// Text without anchors costs one table look-up per byte and the shape scan; no
// regular expression runs outside a window around a hit.
//
// Every Text is a fixed point of the built-in patterns, which have no key and
// no time limit: decoding a Text redacts again and changes nothing. Composing
// redacts again too, since two harmless halves can make a secret.
//
// It fails closed: a line or text beyond the limits, a spent time budget or an
// internal error is withheld, not passed. No marker in the text and no setting
// switches anything off.
//
// # What is not covered yet
//
//   - a password in free prose other than "password is …" and its like, in a
//     table's column, or behind a name that does not tell;
//   - random values of fewer than 32 characters, or of lower case and digits
//     only, without a telling name or prefix: they look like object names;
//   - addresses written into names, such as ip-10-0-1-23.ec2.internal;
//   - people's names, postal addresses, national ids other than those of
//     national.go;
//   - provider tokens beyond those of tokentable.go and providertable.go, and
//     checksums of tokens;
//   - gzip, deeper or other encodings, and UTF-16.
package redact
