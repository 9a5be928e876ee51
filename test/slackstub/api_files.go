package slackstub

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

type file struct {
	id, name  string
	length    int
	data      []byte
	completed bool
}

func (s *Server) uploadURL(a args) (obj, *apiError) {
	n := a.int("length", -1)
	if a.str("filename") == "" {
		return nil, fail("missing_argument")
	}
	if n <= 0 {
		return nil, fail("invalid_arguments")
	}
	f := &file{id: "F" + strings.ToUpper(s.ident(9)), name: a.str("filename"), length: n}
	s.files[f.id] = f
	// Clients refuse an upload_url of another host than the API's.
	return obj{"upload_url": s.Origin() + "/upload/v1/" + f.id, "file_id": f.id}, nil
}

// serveUpload takes the bytes either raw or as a part of a multipart form; the
// part's name differs between clients.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	start := s.clock.Now()
	id := strings.TrimPrefix(r.URL.Path, "/upload/v1/")
	data, err := uploadedBytes(r)
	s.mu.Lock()
	f := s.files[id]
	status := http.StatusOK
	switch {
	case f == nil || f.completed:
		status = http.StatusNotFound
	case err != nil || len(data) != f.length:
		s.problem("upload.length", fmt.Sprintf("%s: %d bytes of %d, %v", f.name, len(data), f.length, err))
		status = http.StatusBadRequest
	default:
		f.data = data
	}
	s.mu.Unlock()
	end := s.clock.Now()
	s.log.call(Call{Method: "upload", Args: args{"id": id}, Status: status, Start: start, End: end, Took: end.Sub(start)})
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "OK")
}

func uploadedBytes(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return io.ReadAll(io.LimitReader(r.Body, maxBody))
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := form.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" || part.FormName() != "token" {
			return io.ReadAll(io.LimitReader(part, maxBody))
		}
	}
}

func (s *Server) completeUpload(a args) (obj, *apiError) {
	list, err := a.array("files")
	if err != nil || len(list) == 0 {
		return nil, fail("invalid_arguments")
	}
	var shared []any
	for _, v := range list {
		o, _ := v.(obj)
		id, _ := o["id"].(string)
		f := s.files[id]
		if f == nil || f.data == nil || f.completed {
			return nil, fail("file_not_found")
		}
		title, _ := o["title"].(string)
		if title == "" {
			title = f.name
		}
		shared = append(shared, obj{"id": f.id, "title": title, "name": f.name, "size": f.length,
			"mimetype": "text/plain", "filetype": "text", "mode": "snippet", "preview": string(f.data[:min(len(f.data), 2000)])})
	}
	if e := s.shareFiles(a, shared); e != nil {
		return nil, e
	}
	var out []any
	for _, v := range shared {
		o := v.(obj)
		s.files[o["id"].(string)].completed = true
		out = append(out, obj{"id": o["id"], "title": o["title"]})
	}
	return obj{"files": out}, nil
}

// shareFiles posts the files where the call says, or nowhere.
func (s *Server) shareFiles(a args, shared []any) *apiError {
	ids := strings.FieldsFunc(a.str("channel_id")+","+a.str("channels"), func(r rune) bool { return r == ',' })
	for _, id := range ids {
		c, e := s.writable(id)
		if e != nil {
			return e
		}
		parent, e := s.thread(c, a)
		if e != nil {
			return e
		}
		s.put(c, &Message{User: BotUserID, BotID: BotID, Text: a.str("initial_comment"), Files: shared, ThreadTS: parent, Mrkdwn: true})
	}
	return nil
}

// FileContent returns the bytes of an uploaded file.
func (s *Server) FileContent(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.files[id]
	if f == nil || f.data == nil {
		return nil, false
	}
	return f.data, true
}
