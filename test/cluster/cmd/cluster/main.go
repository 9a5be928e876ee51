// Command cluster brings a real Kubernetes up on this machine and takes it
// down again.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/countersign-dev/countersign/test/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "cluster", Short: "A real one-node Kubernetes on this machine", SilenceUsage: true, SilenceErrors: true}
	dir := root.PersistentFlags().String("dir", cluster.DefaultDir(), "where the cluster keeps everything")
	add := func(use, short string, do func(context.Context, string) error) {
		root.AddCommand(&cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return do(cmd.Context(), *dir)
		}})
	}
	add("up", "Bring the cluster up and leave it running", up)
	add("down", "Take the cluster down, leaving nothing", down)
	add("status", "Say whether the cluster runs", status)
	add("kubeconfig", "Print the path of the administrator's kubeconfig", kubeconfig)
	root.AddCommand(&cobra.Command{Use: "tools NAME", Short: "Build test/tools/NAME unless that is done, and print the directory of its programs", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := cluster.BuildTools(cmd.Context(), args[0], func(line string) { fmt.Fprintln(os.Stderr, line) })
			if err == nil {
				fmt.Println(dir)
			}
			return err
		}})
	return root
}

func up(ctx context.Context, dir string) error {
	begin := time.Now()
	c, err := cluster.Up(ctx, cluster.Config{Dir: dir, Detach: true, Log: func(line string) { fmt.Println(line) }})
	if err != nil {
		return err
	}
	fmt.Printf("up after %.1f s\nexport KUBECONFIG=%s\n", time.Since(begin).Seconds(), c.Kubeconfig())
	return nil
}

func down(_ context.Context, dir string) error {
	begin := time.Now()
	if err := cluster.Down(dir); err != nil {
		return err
	}
	fmt.Printf("down after %.1f s\n", time.Since(begin).Seconds())
	return nil
}

func status(ctx context.Context, dir string) error {
	c, err := cluster.Running(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("running in %s\nKUBECONFIG=%s\nlogs: %s\n", c.Dir(), c.Kubeconfig(), strings.TrimSuffix(c.Dir(), "/")+"/logs")
	return nil
}

func kubeconfig(ctx context.Context, dir string) error {
	c, err := cluster.Running(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Println(c.Kubeconfig())
	return nil
}
