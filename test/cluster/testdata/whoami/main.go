// Command whoami asks the API server, from inside a pod and by the name every
// pod knows it by, whom it takes the pod's token for, and prints the answer.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	if err := ask(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func ask() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cfg, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	byAddress := cfg.Host
	cfg.Host = "https://kubernetes.default.svc"
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	who := review.Status.UserInfo
	fmt.Printf("user=%s pod=%s uid=%d address=%s\n", who.Username, who.Extra["authentication.kubernetes.io/pod-name"], os.Getuid(), byAddress)
	return nil
}
