// Package nginx reads nginx configurations, as ConfigMaps hold them, and says
// what nginx would refuse, what is unsafe, slow or against good practice, each
// with file and line, and what the corrected lines would be.
//
// lex.go reads words as nginx's own ngx_conf_read_token does, with the place of
// each byte, and tree.go makes blocks of them, going on behind the errors that
// people make most. grammar.go asks of each directive whether it is known, may
// stand there and has the right arguments; what it knows of directives comes
// from nginx's sources by way of github.com/nginxinc/nginx-go-crossplane. rules*.go
// are the findings in what nginx would take.
//
// The text is somebody else's: its size, depth and number of findings are
// bounded, and everything that leaves the package as text has passed redaction.
// A correction is a list of line replacements. It is made of the raw text and
// handed out only where the redactor would leave every touched line as it is.
//
// It reads no cluster, changes nothing and runs no nginx: what only a running
// nginx can tell (whether a file, host or certificate exists, what a regular
// expression or a variable of a module means) is not looked at.
package nginx
