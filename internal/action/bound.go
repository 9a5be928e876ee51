package action

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const boundDomain = "countersign/bound/v1\n"

// BoundHash hashes what an action of this kind depends on in the live object:
// a workload's spec without replicas, a pod's UID alone. Never resourceVersion
// or generation: a crash-looping Deployment passes through many of them.
// live is the object as the API server sends it, undecoded into types, so that
// no field is lost.
func BoundHash(k Kind, live map[string]any) (Hash, error) {
	bound, err := boundPart(k, live)
	if err != nil {
		return "", err
	}
	raw, err := json.Marshal(bound)
	if err != nil {
		return "", fmt.Errorf("encode bound part: %w", err)
	}
	sum := sha256.Sum256(append([]byte(boundDomain), raw...))
	return Hash(hex.EncodeToString(sum[:])), nil
}

func boundPart(k Kind, live map[string]any) (any, error) {
	if _, ok := Lookup(k); !ok {
		return nil, fmt.Errorf("action kind %q does not exist", clip(string(k)))
	}
	if k == DeletePod {
		meta, _ := live["metadata"].(map[string]any)
		uid, _ := meta["uid"].(string)
		if !uidPattern.MatchString(uid) {
			return nil, fmt.Errorf("the live pod has no UID")
		}
		return uid, nil
	}
	spec, ok := live["spec"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the live object has no spec")
	}
	return BoundSpec(spec), nil
}

// BoundSpec is the part of a workload's spec that an approval binds: all of it
// but replicas, which autoscalers and people move without changing what the
// approval was about.
func BoundSpec(spec map[string]any) map[string]any {
	bound := make(map[string]any, len(spec))
	for field, value := range spec {
		if field != "replicas" {
			bound[field] = value
		}
	}
	return bound
}
