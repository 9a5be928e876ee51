package remediate

import (
	"io"
	"net/http"
	"time"
)

// pauses are between one try of a read and the next.
var pauses = [...]time.Duration{100 * time.Millisecond, 400 * time.Millisecond}

// again asks for a read once more when its answer was lost or the server failed.
// A write is sent once: whether one whose answer was lost has taken effect, only
// a look tells.
type again struct{ next http.RoundTripper }

func (a again) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := a.next.RoundTrip(req)
	if req.Method != http.MethodGet || req.Body != nil && req.Body != http.NoBody {
		return res, err
	}
	for _, pause := range pauses {
		if err == nil && res.StatusCode < http.StatusInternalServerError {
			return res, nil
		}
		select {
		case <-req.Context().Done():
			return res, err
		case <-time.After(pause):
		}
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection serves again
			_ = res.Body.Close()
		}
		res, err = a.next.RoundTrip(req)
	}
	return res, err
}
