package corpus

import (
	"strings"
)

// carrier writes a named value as some program or file does. %N stands for
// the name, %V for the value; bare values hold no blank.
type carrier struct {
	name, form string
	// quoted tells that the form puts quotes of its own around the value.
	quoted bool
	// query tells that the value stands in a URL and is percent-encoded there.
	query bool
}

var namedCarriers = []carrier{
	{name: "env dump", form: "PATH=/usr/bin\n%N=%V\nHOME=/root"},
	{name: "export", form: "export %N=%V"},
	{name: "dotenv quoted", form: `%N="%V"`, quoted: true},
	{name: "shell single", form: `%N='%V'`, quoted: true},
	{name: "yaml", form: "database:\n  host: db\n  %N: %V\n  port: 5432\n"},
	{name: "yaml quoted", form: "database:\n  %N: \"%V\"\n  port: 5432\n", quoted: true},
	{name: "yaml single", form: "database:\n  %N: '%V'\n", quoted: true},
	{name: "yaml list item", form: "- %N: %V\n  host: db\n"},
	{name: "env pair yaml", form: "env:\n- name: %N\n  value: %V\n- name: PORT\n  value: \"8080\"\n"},
	{name: "env pair json", form: `{"env":[{"name":"%N","value":"%V"},{"name":"PORT","value":"8080"}]}`, quoted: true},
	{name: "env pair go", form: `Env:[]EnvVar{EnvVar{Name:%N,Value:%V,ValueFrom:nil,},},`},
	{name: "json", form: `{"host":"db","%N":"%V","port":5432}`, quoted: true},
	{name: "json spaced", form: `{"host": "db", "%N": "%V"}`, quoted: true},
	{name: "json indented", form: "{\n  \"%N\": \"%V\",\n  \"port\": 5432\n}", quoted: true},
	{name: "json in json", form: `{"msg":"config {\"%N\":\"%V\",\"port\":5432}"}`, quoted: true},
	{name: "json in json in json", form: `{"log":"{\"msg\":\"config {\\\"%N\\\":\\\"%V\\\"}\"}"}`, quoted: true},
	{name: "go struct", form: `&Config{Host:"db", %N:"%V", Port:5432}`, quoted: true},
	{name: "go struct plus", form: `{Host:db %N:%V Port:5432}`},
	{name: "python dict", form: `{'host': 'db', '%N': '%V'}`, quoted: true},
	{name: "ruby hash", form: `{:host=>"db", "%N"=>"%V"}`, quoted: true},
	{name: "php", form: `'%N' => '%V',`, quoted: true},
	{name: "logfmt", form: `level=info msg=connecting %N=%V host=db`},
	{name: "logfmt quoted", form: `level=info msg="connecting now" %N="%V" host=db`, quoted: true},
	{name: "properties", form: "server.port=8080\n%N=%V\n"},
	{name: "ini", form: "[database]\n%N = %V\nport = 5432\n"},
	{name: "toml", form: "[database]\n%N = \"%V\"\nport = 5432\n", quoted: true},
	{name: "hcl", form: "provider \"x\" {\n  %N = \"%V\"\n}", quoted: true},
	{name: "xml", form: `<config><%N>%V</%N><port>5432</port></config>`},
	{name: "xml attribute", form: `<add key="%N" value="%V" />`, quoted: true},
	{name: "flag", form: `/bin/server --port 80 --%N=%V --verbose`},
	{name: "flag blank", form: `/bin/server --port 80 --%N %V --verbose`},
	{name: "args json", form: `["/bin/server","--%N","%V","--verbose"]`, quoted: true},
	{name: "args yaml", form: "args:\n- --%N\n- %V\n- --verbose\n"},
	{name: "java property", form: `java -D%N=%V -jar app.jar`},
	{name: "query", form: `GET /api/v1/login?user=x&%N=%V&next=home 200`, query: true},
	{name: "form body", form: `body: grant_type=password&%N=%V&scope=all`, query: true},
	{name: "parenthesis", form: `connect failed (host=db, %N=%V)`},
	{name: "braces", form: `options{%N=%V}`},
	{name: "klog", form: `I1120 13:42:03.123456       1 server.go:42] "Starting" %N="%V" port=8080`, quoted: true},
	{name: "runtime log", form: `2026-11-20T13:42:03.123456789Z stdout F config %N=%V loaded`},
	{name: "bracketed log", form: `[2026-11-20 13:42:03] production.ERROR: bad config {"%N":"%V"} []`, quoted: true},
	{name: "ado", form: `Server=db;Database=shop;%N=%V;Encrypt=true`},
	{name: "jdbc", form: `jdbc:mysql://db:3306/shop?useSSL=true&%N=%V`, query: true},
	{name: "sentence", form: `the %N is: %V`},
	{name: "arrow", form: `%N -> %V`},
	{name: "curl header", form: `curl -H 'X-%N: %V' https://example.com/`},
	{name: "ansi", form: "\x1b[32m%N\x1b[0m=\x1b[1m%V\x1b[0m done"},
	{name: "html escaped", form: `?a=b&amp;%N=%V&amp;c=d`, query: true},
	{name: "unicode escaped", form: `"url":"/x?a=b\u0026%N=%V\u0026c=d"`, query: true},
	{name: "escaped newline", form: `"env":"A=1\n%N=%V\nB=2"`},
}

// aloneCarriers hold a credential that nothing names.
var aloneCarriers = []carrier{
	{name: "prose", form: "rejected %V for user 7"},
	{name: "end of line", form: "using %V\nnext line"},
	{name: "quotes", form: `got "%V" from peer`},
	{name: "backticks", form: "use `%V` here"},
	{name: "parenthesis", form: "auth failed (%V), retrying"},
	{name: "brackets", form: "[%V] accepted"},
	{name: "angle", form: "<%V>"},
	{name: "list", form: "first,%V,last"},
	{name: "colon", form: "credential: %V"},
	{name: "escaped newline", form: `"text":"first\n%V\nlast"`},
	{name: "json escaped", form: `{"m":"{\"x\":\"%V\"}"}`},
	{name: "bearer", form: "Authorization: Bearer %V"},
	{name: "header map", form: `map[Authorization:[Bearer %V] Accept:[*/*]]`},
	{name: "url user", form: "https://%V@github.com/org/repo.git"},
	{name: "url password", form: "https://oauth2:%V@git.example.com/org/repo.git"},
	{name: "argument", form: "login --with %V --now"},
	{name: "assignment", form: "x=%V;y=2"},
	{name: "yaml list", form: "items:\n- %V\n- other\n"},
	{name: "stack frame", form: "    at call (%V)"},
}

// write fills the carrier in.
func (c carrier) write(name, value string) string {
	if c.name == "java property" || strings.HasPrefix(c.name, "flag") || strings.HasPrefix(c.name, "args") {
		name = strings.TrimLeft(name, "-")
	}
	return strings.NewReplacer("%N", name, "%V", value).Replace(c.form)
}
