package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

func TestTheRegistryAnswersAsTheHostItStandsInForWould(t *testing.T) {
	server := httptest.NewServer(answer(registry.New()))
	defer server.Close()
	for path, want := range map[string]int{
		"/v2/?ns=docker.io": http.StatusOK,
		"/v2/library/busybox/manifests/none?ns=docker.io": http.StatusNotFound,
		"/v2/app/manifests/1?ns=private.example":          http.StatusUnauthorized,
		"/v2/app/manifests/1?ns=limited.example":          http.StatusTooManyRequests,
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		if res.StatusCode != want {
			t.Errorf("%s answers %d, want %d", path, res.StatusCode, want)
		}
	}
}
