package watch

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// encodePage writes a page as the API server does.
func encodePage(t testing.TB, mediaType string, list *corev1.PodList) []byte {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), mediaType)
	if !ok {
		t.Fatalf("no serializer for %s", mediaType)
	}
	raw, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion), list)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func podPageOf(from, to int, next string) *corev1.PodList {
	list := &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "7", Continue: next}}
	for n := from; n < to; n++ {
		list.Items = append(list.Items, *fatPod(n))
	}
	return list
}

// podServer serves two pages, the second under the continuation "more".
func podServer(t *testing.T, mediaType string, expire func(continuation string) bool) *kubernetes.Clientset {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch next := q.Get("continue"); {
		case expire != nil && expire(next):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusGone)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`)
			return
		case q.Get("limit") == "0" || q.Get("limit") == "":
			w.Header().Set("Content-Type", mediaType)
			w.Write(encodePage(t, mediaType, podPageOf(0, 5, "")))
		case next == "":
			w.Header().Set("Content-Type", mediaType)
			w.Write(encodePage(t, mediaType, podPageOf(0, 3, "more")))
		default:
			w.Header().Set("Content-Type", mediaType)
			w.Write(encodePage(t, mediaType, podPageOf(3, 5, "")))
		}
	}))
	t.Cleanup(srv.Close)
	client, err := kubernetes.NewForConfig(Tune(&rest.Config{Host: srv.URL}))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func readPods(t *testing.T, client *kubernetes.Clientset) []*corev1.Pod {
	t.Helper()
	var got []*corev1.Pod
	err := eachPod(t.Context(), client.CoreV1().RESTClient(), "shop", metav1.ListOptions{}, func() { got = nil }, func(p *corev1.Pod) { got = append(got, p) })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPodsFromTheWireAreThoseOfTheTypedClient(t *testing.T) {
	for _, mediaType := range []string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON} {
		client := podServer(t, mediaType, nil)
		got := readPods(t, client)
		want, err := listAll(t.Context(), client.CoreV1().Pods("shop").List, metav1.ListOptions{}, func(l *corev1.PodList) []corev1.Pod { return l.Items })
		if err != nil || len(want) != 5 {
			t.Fatalf("%d pods of the typed client, %v", len(want), err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d pods, want %d", mediaType, len(got), len(want))
		}
		for i := range want {
			want[i].TypeMeta, got[i].TypeMeta = metav1.TypeMeta{}, metav1.TypeMeta{}
			if !equality.Semantic.DeepEqual(got[i], &want[i]) {
				t.Errorf("%s: pod %d differs", mediaType, i)
			}
		}
	}
}

func TestAContinuationThatHasExpiredBeginsAnew(t *testing.T) {
	expired := 0
	client := podServer(t, runtime.ContentTypeProtobuf, func(next string) bool {
		if next != "" {
			expired++
		}
		return next != ""
	})
	if got := readPods(t, client); len(got) != 5 || expired != 1 {
		t.Errorf("%d pods after %d expired continuations, want 5 after 1", len(got), expired)
	}
}

func TestAnAnswerThatWasCutIsNoShorterList(t *testing.T) {
	raw := encodePage(t, runtime.ContentTypeProtobuf, podPageOf(0, 2, ""))[len(protobufMagic):]
	whole := 0
	for cut := range len(raw) {
		d := &pageDecoder{in: bufio.NewReader(bytes.NewReader(raw[:cut])), each: func(*corev1.Pod) {}}
		if err := d.envelope(); err == nil {
			whole++
		}
	}
	// What comes after the list, two empty fields, may be missing.
	if whole != 2 {
		t.Errorf("%d of %d cuts pass for a whole list, want 2", whole, len(raw))
	}
}

func TestARefusedListIsAnErrorOfTheAPI(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status(w, http.StatusForbidden, metav1.StatusReasonForbidden)
	}))
	defer srv.Close()
	client, err := kubernetes.NewForConfig(Tune(&rest.Config{Host: srv.URL}))
	if err != nil {
		t.Fatal(err)
	}
	err = eachPod(context.Background(), client.CoreV1().RESTClient(), "shop", metav1.ListOptions{}, func() {}, func(*corev1.Pod) { t.Error("a pod came") })
	if err == nil || !strings.Contains(err.Error(), "as the test wants") {
		t.Errorf("error %v, want the server's", err)
	}
}

func FuzzPageDecoderTakesAnyBytes(f *testing.F) {
	f.Add(encodePage(f, runtime.ContentTypeProtobuf, podPageOf(0, 1, "more"))[len(protobufMagic):])
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := 0
		d := &pageDecoder{in: bufio.NewReader(bytes.NewReader(raw)), each: func(p *corev1.Pod) {
			if n++; p == nil {
				t.Error("a nil pod")
			}
		}}
		if d.envelope() == nil && n > len(raw) {
			t.Errorf("%d pods of %d bytes", n, len(raw))
		}
	})
}

// BenchmarkPageOfPods is a page of 500 pods from a server on the same machine: as
// the typed client reads it, and from the wire.
func BenchmarkPageOfPods(b *testing.B) {
	raw := encodePage(b, runtime.ContentTypeProtobuf, podPageOf(0, pages, ""))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		w.Write(raw)
	}))
	defer srv.Close()
	cfg := Tune(&rest.Config{Host: srv.URL})
	cfg.QPS = -1
	client := kubernetes.NewForConfigOrDie(cfg)
	b.Run("typed client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			list, err := client.CoreV1().Pods("shop").List(b.Context(), metav1.ListOptions{Limit: pages})
			if err != nil || len(list.Items) != pages {
				b.Fatal(err)
			}
		}
	})
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			if err := eachPod(b.Context(), client.CoreV1().RESTClient(), "shop", metav1.ListOptions{}, func() {}, func(*corev1.Pod) { n++ }); err != nil || n != pages {
				b.Fatal(n, err)
			}
		}
	})
}
