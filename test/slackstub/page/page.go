// Package page is the web page of the Slack stand-in: a person signs in as a
// seeded user, reads channels and threads rendered from Block Kit, presses
// buttons, fills modals and types slash commands. HTML is rendered on the
// server; a small script keeps it fresh and sends what a person does.
//
// It is a view. It decides nothing and holds no state but a cookie with the
// chosen user; whatever a test can do over the stand-in's Go API it does the
// same way. Mentions and links that mrkdwn makes live are drawn in red, so that
// text which escaped its place is seen.
package page

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"

	"github.com/countersign-dev/countersign/test/slackstub"
)

//go:embed assets
var assets embed.FS

const cookie = "signed_in_as"

type page struct {
	s    *slackstub.Server
	tmpl *template.Template
}

// New returns the page of a stand-in; hand it to Server.SetPage.
func New(s *slackstub.Server) (http.Handler, error) {
	p := &page{s: s}
	t, err := template.New("page").Funcs(template.FuncMap{"initials": initials, "avatar": avatar, "dict": dict}).ParseFS(assets, "assets/*.html")
	if err != nil {
		return nil, err
	}
	p.tmpl = t
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.FileServerFS(assets))
	mux.HandleFunc("GET /{$}", p.start)
	mux.HandleFunc("GET /signin", p.signin)
	mux.HandleFunc("POST /signin", p.signinAs)
	mux.HandleFunc("GET /c/{channel}", p.channel)
	mux.HandleFunc("GET /archives/{channel}/{ts}", p.permalink)
	mux.HandleFunc("GET /events", p.events)
	mux.HandleFunc("POST /do/{what}", p.do)
	return secured(mux), nil
}

// secured forbids scripts and connections that are not the page's own.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// who is the signed-in user.
func (p *page) who(r *http.Request) (slackstub.User, bool) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return slackstub.User{}, false
	}
	return p.s.User(c.Value)
}

func (p *page) start(w http.ResponseWriter, r *http.Request) {
	u, ok := p.who(r)
	if !ok {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	for _, c := range p.s.Channels() {
		if member(c, u.ID) {
			http.Redirect(w, r, "/c/"+c.ID, http.StatusSeeOther)
			return
		}
	}
	http.Redirect(w, r, "/signin", http.StatusSeeOther)
}

func (p *page) signin(w http.ResponseWriter, _ *http.Request) {
	var people []slackstub.User
	for _, u := range p.s.Users() {
		if !u.IsBot {
			people = append(people, u)
		}
	}
	p.render(w, "signin.html", map[string]any{"People": people})
}

func (p *page) signinAs(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("user")
	if _, ok := p.s.User(id); !ok {
		http.Error(w, "no such user", http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// permalink follows what chat.getPermalink hands out, "p" and the digits of ts.
func (p *page) permalink(w http.ResponseWriter, r *http.Request) {
	d := strings.TrimPrefix(r.PathValue("ts"), "p")
	if len(d) < 7 {
		http.NotFound(w, r)
		return
	}
	ts := d[:len(d)-6] + "." + d[len(d)-6:]
	root := ts
	if m, ok := p.s.Message(r.PathValue("channel"), ts); ok && m.ThreadTS != "" {
		root = m.ThreadTS
	}
	http.Redirect(w, r, "/c/"+r.PathValue("channel")+"?thread="+root, http.StatusSeeOther)
}

// channel renders the whole page; the script asks for it again after a change
// and takes over the parts that differ.
func (p *page) channel(w http.ResponseWriter, r *http.Request) {
	u, ok := p.who(r)
	if !ok {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	v, ok := p.look(u, r.PathValue("channel"), r.URL.Query().Get("thread"), r.URL.Query().Get("panel"))
	if !ok {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	p.render(w, "channel.html", v)
}

func (p *page) render(w http.ResponseWriter, name string, data any) {
	var b strings.Builder
	if err := p.tmpl.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}

// events tells the script that something changed; it holds nothing secret.
func (p *page) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	ch, cancel := p.s.Subscribe()
	defer cancel()
	rc := http.NewResponseController(w)
	_, _ = w.Write([]byte("retry: 500\n\n"))
	_ = rc.Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case e, open := <-ch:
			if !open {
				return
			}
			b, err := json.Marshal(map[string]string{"kind": string(e.Kind), "channel": e.Message.Channel})
			if err != nil {
				return
			}
			if _, err := w.Write([]byte("data: " + string(b) + "\n\n")); err != nil || rc.Flush() != nil {
				return
			}
		}
	}
}

func member(c slackstub.Channel, user string) bool {
	for _, m := range c.Members {
		if m == user {
			return true
		}
	}
	return false
}

// dict hands a template several values by name.
func dict(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func initials(name string) string {
	var out []rune
	for f := range strings.FieldsSeq(name) {
		if len(out) < 2 {
			out = append(out, []rune(f)[0])
		}
	}
	return strings.ToUpper(string(out))
}
