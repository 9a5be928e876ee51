package watch

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// client-go reads a page of a list whole, copies it and decodes it whole: half of
// what a look at thousands of pods costs, and most of its memory. Pods are read
// here one at a time from the wire.

// eachPod hands over every pod of a list as it arrives. Where pages begin anew,
// because a continuation has expired, again is called first.
func eachPod(ctx context.Context, api rest.Interface, ns string, opts metav1.ListOptions, again func(), each func(*corev1.Pod)) error {
	opts.Limit = pages
	for {
		next, err := podPage(ctx, api, ns, opts, each)
		switch {
		case apierrors.IsResourceExpired(err) && opts.Continue != "":
			again()
			opts.Limit, opts.Continue = 0, ""
			continue
		case err != nil:
			return err
		case next == "":
			return nil
		}
		opts.Continue = next
	}
}

// podPage reads one page and returns the continuation.
func podPage(ctx context.Context, api rest.Interface, ns string, opts metav1.ListOptions, each func(*corev1.Pod)) (next string, err error) {
	body, err := api.Get().Namespace(ns).Resource("pods").VersionedParams(&opts, scheme.ParameterCodec).Stream(ctx)
	if err != nil {
		return "", err
	}
	defer body.Close()
	in := bufio.NewReaderSize(body, 64<<10)
	magic, err := in.Peek(len(protobufMagic))
	if err != nil && len(magic) == 0 {
		return "", fmt.Errorf("read a page of pods: %w", err)
	}
	if string(magic) != protobufMagic {
		return wholePage(in, each)
	}
	if _, err := in.Discard(len(protobufMagic)); err != nil {
		return "", fmt.Errorf("read a page of pods: %w", err)
	}
	d := &pageDecoder{in: in, each: each}
	if err := d.envelope(); err != nil {
		return "", fmt.Errorf("read a page of pods: %w", err)
	}
	return d.next, nil
}

// wholePage reads a page in JSON, from a server that speaks nothing else.
func wholePage(in io.Reader, each func(*corev1.Pod)) (next string, err error) {
	raw, err := io.ReadAll(in)
	if err != nil {
		return "", fmt.Errorf("read a page of pods: %w", err)
	}
	obj, err := runtime.Decode(scheme.Codecs.UniversalDeserializer(), raw)
	if err != nil {
		return "", fmt.Errorf("read a page of pods: %w", err)
	}
	list, ok := obj.(*corev1.PodList)
	if !ok {
		return "", fmt.Errorf("read a page of pods: it is a %T", obj)
	}
	for i := range list.Items {
		each(&list.Items[i])
	}
	return list.Continue, nil
}

// protobufMagic begins every object that the API server writes in protobuf. A
// runtime.Unknown follows, which holds the list in its field 2; of a list field 1
// is its metadata, and each field 2 an item.
const protobufMagic = "k8s\x00"

// maxItem bounds what one item of a list may claim to be; etcd keeps nothing of
// half that size.
const maxItem = 8 << 20

var errMalformed = errors.New("malformed protobuf")

type pageDecoder struct {
	in   *bufio.Reader
	each func(*corev1.Pod)
	next string
	buf  []byte // reused: Unmarshal copies what it keeps
}

func (d *pageDecoder) envelope() error {
	for found := false; ; {
		field, size, err := d.field()
		switch {
		case errors.Is(err, io.EOF) && !found: // an answer that was cut is not an empty list
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case field == 2:
			found, err = true, d.list(size)
		default:
			err = d.pass(size)
		}
		if err != nil {
			return err
		}
	}
}

// list reads the fields of a PodList, which ends after size bytes.
func (d *pageDecoder) list(size uint64) error {
	body := &io.LimitedReader{R: d.in, N: int64(min(size, 1<<62))}
	inner := &pageDecoder{in: bufio.NewReaderSize(body, 64<<10), each: d.each}
	defer func() { d.next = inner.next }()
	for {
		field, size, err := inner.field()
		switch {
		case errors.Is(err, io.EOF) && body.N == 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
		switch field {
		case 1:
			err = inner.meta(size)
		case 2:
			err = inner.pod(size)
		default:
			err = inner.pass(size)
		}
		if err != nil {
			return err
		}
	}
}

// field reads a field's number and the length of what it holds. Kubernetes has no
// other fields here than those with a length. io.EOF is an end where a field could
// have begun.
func (d *pageDecoder) field() (number, size uint64, err error) {
	tag, err := binary.ReadUvarint(d.in)
	if err != nil {
		return 0, 0, err
	}
	if tag&7 != 2 {
		return 0, 0, errMalformed
	}
	if size, err = binary.ReadUvarint(d.in); err != nil {
		return 0, 0, unexpected(err)
	}
	return tag >> 3, size, nil
}

func (d *pageDecoder) pass(size uint64) error {
	if size > maxItem {
		return errMalformed
	}
	_, err := io.CopyN(io.Discard, d.in, int64(size))
	return unexpected(err)
}

func (d *pageDecoder) bytes(size uint64) ([]byte, error) {
	if size > maxItem {
		return nil, errMalformed
	}
	if uint64(cap(d.buf)) < size {
		d.buf = make([]byte, size)
	}
	d.buf = d.buf[:size]
	_, err := io.ReadFull(d.in, d.buf)
	return d.buf, unexpected(err)
}

func (d *pageDecoder) meta(size uint64) error {
	raw, err := d.bytes(size)
	if err != nil {
		return err
	}
	var m metav1.ListMeta
	if err := m.Unmarshal(raw); err != nil {
		return err
	}
	d.next = m.Continue
	return nil
}

func (d *pageDecoder) pod(size uint64) error {
	raw, err := d.bytes(size)
	if err != nil {
		return err
	}
	p := &corev1.Pod{}
	if err := p.Unmarshal(raw); err != nil {
		return err
	}
	d.each(p)
	return nil
}

// unexpected makes the end of the stream an error where more was announced.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
