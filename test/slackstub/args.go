package slackstub

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const maxBody = 4 << 20

// args are a method's arguments: strings from forms and queries, any JSON
// value from a JSON body.
type args map[string]any

func (a args) has(name string) bool { _, ok := a[name]; return ok }

func (a args) str(name string) string {
	switch v := a[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (a args) bool(name string) bool {
	s := a.str(name)
	return s == "1" || strings.EqualFold(s, "true")
}

func (a args) int(name string, otherwise int) int {
	if n, err := strconv.Atoi(a.str(name)); err == nil {
		return n
	}
	return otherwise
}

// value returns an argument that may come as JSON text or as JSON.
func (a args) value(name string) (any, error) {
	s, ok := a[name].(string)
	if !ok {
		return a[name], nil
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, fmt.Errorf("%s is not JSON: %w", name, err)
	}
	return v, nil
}

// array is value for an argument that must be a list.
func (a args) array(name string) ([]any, error) {
	v, err := a.value(name)
	if err != nil || v == nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is not an array", name)
	}
	return list, nil
}

type request struct {
	args   args
	bearer string // from the header
	posted string // from body or query
	isJSON bool
}

// token prefers the header, as Slack does.
func (r request) token() string {
	if r.bearer != "" {
		return r.bearer
	}
	return r.posted
}

func readRequest(r *http.Request) (request, error) {
	req := request{args: args{}}
	if h := r.Header.Get("Authorization"); strings.HasPrefix(h, "Bearer ") {
		req.bearer = strings.TrimPrefix(h, "Bearer ")
	}
	addValues(req.args, r.URL.Query())
	if r.Method == http.MethodPost {
		if err := readBody(r, &req); err != nil {
			return req, err
		}
	}
	req.posted = req.args.str("token")
	delete(req.args, "token")
	return req, nil
}

func readBody(r *http.Request, req *request) error {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return fmt.Errorf("content type: %w", err)
	}
	switch kind {
	case "application/json":
		req.isJSON = true
		return readJSON(r.Body, req.args)
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return fmt.Errorf("multipart body: %w", err)
		}
		addValues(req.args, r.MultipartForm.Value)
		return nil
	case "application/x-www-form-urlencoded":
		if err := r.ParseForm(); err != nil {
			return fmt.Errorf("form body: %w", err)
		}
		addValues(req.args, r.PostForm)
		return nil
	}
	b, err := io.ReadAll(r.Body)
	if err == nil && len(b) > 0 {
		return errors.New("body without a known content type")
	}
	return err
}

func readJSON(r io.Reader, into args) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if len(strings.TrimSpace(string(b))) == 0 {
		return nil
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("JSON body: %w", err)
	}
	for k, v := range m {
		into[k] = v
	}
	return nil
}

func addValues(into args, from url.Values) {
	for k, v := range from {
		if len(v) > 0 {
			into[k] = v[0]
		}
	}
}
