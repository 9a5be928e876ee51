package geministub_test

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genai"

	"github.com/countersign-dev/countersign/test/geministub"
)

func Example() {
	stub, err := geministub.Start(geministub.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stub.Close()
	stub.Next(geministub.RateLimitedMinute(38 * time.Second))
	stub.On(geministub.Contains("ImagePullBackOff"), geministub.Answer(map[string]any{"cause": "IMAGE_TAG_NOT_FOUND"}))

	ctx := context.Background()
	client, err := genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: stub.APIKey(), Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: stub.URL()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		resp, err := client.Models.GenerateContent(ctx, "gemini-3.8-flash", genai.Text("why ImagePullBackOff?"), nil)
		if err != nil {
			fmt.Println("refused")
			continue
		}
		fmt.Println(resp.Text(), resp.ModelVersion)
	}
	fmt.Println(len(stub.Calls()), "calls,", len(stub.Problems()), "problems")
	// Output:
	// refused
	// {"cause":"IMAGE_TAG_NOT_FOUND"} gemini-3.8-flash
	// 2 calls, 0 problems
}
