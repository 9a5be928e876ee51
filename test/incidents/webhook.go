package incidents

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"time"
)

// denier is an admission webhook that refuses every object with one sentence. The
// API server reaches it on the machine's own address.
type denier struct {
	server *http.Server
	url    string
	ca     string // base64 of PEM, for a caBundle
}

const denial = "every workload needs the label cost-center (see the platform handbook, section 4)"

// newDenier listens on the address from which the API server at host is reached.
func newDenier(host string) (*denier, error) {
	u, err := url.Parse(host)
	if err != nil {
		return nil, fmt.Errorf("read the API server's address: %w", err)
	}
	// Nothing is sent: the kernel only says which address it would send from.
	probe, err := net.Dial("udp", net.JoinHostPort(u.Hostname(), "9"))
	if err != nil {
		return nil, fmt.Errorf("find the machine's address: %w", err)
	}
	defer probe.Close()
	own, _, err := net.SplitHostPort(probe.LocalAddr().String())
	if err != nil {
		return nil, fmt.Errorf("find the machine's address: %w", err)
	}
	certificate, authority, err := selfSigned(own)
	if err != nil {
		return nil, err
	}
	l, err := tls.Listen("tcp", net.JoinHostPort(own, "0"), &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return nil, fmt.Errorf("listen for admission reviews: %w", err)
	}
	d := &denier{
		server: &http.Server{Handler: http.HandlerFunc(deny), ReadHeaderTimeout: 5 * time.Second},
		url:    "https://" + l.Addr().String() + "/validate", ca: base64.StdEncoding.EncodeToString(authority),
	}
	go func() { _ = d.server.Serve(l) }() // ends with Close
	return d, nil
}

func (d *denier) Close() { _ = d.server.Close() }

func deny(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
		"response": map[string]any{"uid": review.Request.UID, "allowed": false, "status": map[string]any{"code": http.StatusForbidden, "message": denial}},
	})
}

func selfSigned(address string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(address)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
