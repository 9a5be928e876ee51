package redact

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// chunk is how many bytes of a stream are looked at together; a PEM block or a
// manifest over several lines fits in. hold is how long a chunk may grow while
// a block stays open.
const (
	chunk = 64 << 10
	hold  = 256 << 10
)

// FilterOptions shape a stream filter.
type FilterOptions struct {
	// Colour wraps placeholders in ANSI colour, for people at a terminal.
	Colour bool
}

// Filter copies in to out, redacted, in constant memory. Lines stay whole, a
// PEM block that begins in one chunk is looked at with its end, and the last
// 4 KiB of a full chunk are looked at with the next; a manifest may fall
// between two chunks of 64 KiB. It returns the first read or write error; what
// could not be redacted is withheld.
func Filter(r *Redactor, in io.Reader, out io.Writer, opts FilterOptions) error {
	f := filter{r: r, out: bufio.NewWriter(out), opts: opts}
	reader := bufio.NewReaderSize(in, chunk)
	for {
		line, err := reader.ReadSlice('\n')
		f.take(line, errors.Is(err, bufio.ErrBufferFull))
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err == nil && !f.full() && reader.Buffered() > 0 {
			continue
		}
		if flushErr := f.flush(err != nil); flushErr != nil {
			return fmt.Errorf("write redacted text: %w", flushErr)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read text to redact: %w", err)
		}
	}
}

type filter struct {
	r    *Redactor
	out  *bufio.Writer
	opts FilterOptions
	held strings.Builder
	long bool // inside a line that is longer than the limit
}

// take holds a piece of a line; more tells that the line goes on. Of a line
// beyond the limit only that it was there is kept.
func (f *filter) take(piece []byte, more bool) {
	switch {
	case f.long:
		f.long = more
	case more:
		f.long = true
		f.held.WriteString(withheldLine + "\n")
		f.r.count("withheld")
	default:
		f.held.Write(piece)
	}
}

func (f *filter) full() bool { return f.held.Len() >= chunk }

// flush redacts what is held, unless a block is open and there is room to wait
// for its end.
func (f *filter) flush(last bool) error {
	text := f.held.String()
	if !last && len(text) < hold && openBlock(text) {
		return nil
	}
	f.held.Reset()
	if !last && len(text) >= chunk {
		cut := strings.LastIndexByte(text[:len(text)-window], '\n') + 1
		f.held.WriteString(text[cut:])
		text = text[:cut]
	}
	clean := f.r.Redact(text).String()
	if f.opts.Colour {
		clean = strings.NewReplacer(openMark, "\x1b[35m"+openMark, closeMark, closeMark+"\x1b[0m").Replace(clean)
	}
	if _, err := f.out.WriteString(clean); err != nil {
		return err
	}
	return f.out.Flush()
}

// openBlock tells whether the last PEM block of text has no end yet.
func openBlock(text string) bool {
	begin := strings.LastIndex(text, "-----BEGIN ")
	return begin >= 0 && !strings.Contains(text[begin:], "-----END ")
}
