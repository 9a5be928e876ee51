package app

import (
	"os"
	"path/filepath"
	"testing"
)

// client-go's default of 5 requests a second once let every approval wait for
// the one before.
func TestARolesConnectionIsNotThrottled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: 'https://192.0.2.1'}}]\n" +
		"contexts: [{name: x, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: synthetic}}]\ncurrent-context: x\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	conn, err := connection("GATE", path, Settings{})
	if err != nil || conn.QPS < 100 || conn.Burst < 100 {
		t.Errorf("%v requests a second, %d at once, %v", conn.QPS, conn.Burst, err)
	}
}
