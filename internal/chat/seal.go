package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"
)

const (
	sealDomain   = "countersign/card/v1\n"
	sealPrefix   = "cs-seal-"
	approvalName = "cs-approval" // prefix of the approval block's block_id
)

// seal makes and checks the MAC that stands in the block_id of the buttons.
type seal struct {
	key           []byte
	team, channel string
}

// sign sets the block_id of the buttons, if there are any.
func (s seal) sign(blocks []slack.Block) error {
	raw, err := json.Marshal(blocks)
	if err != nil {
		return fmt.Errorf("encode card: %w", err)
	}
	for _, b := range blocks {
		if buttons, ok := b.(*slack.ActionBlock); ok {
			id, err := s.mac(raw)
			if err != nil {
				return err
			}
			buttons.BlockID = id
		}
	}
	return nil
}

// genuine reports whether blocks are those that were signed, and hold the
// button that was pressed.
func (s seal) genuine(blocks json.RawMessage, blockID, actionID, value string) bool {
	if len(s.key) == 0 || !strings.HasPrefix(blockID, sealPrefix) || !holds(blocks, blockID, actionID, value) {
		return false
	}
	want, err := s.mac(blocks)
	return err == nil && hmac.Equal([]byte(want), []byte(blockID))
}

func (s seal) mac(blocks json.RawMessage) (string, error) {
	normal, err := normalForm(blocks)
	if err != nil {
		return "", err
	}
	head, err := json.Marshal([]string{s.team, s.channel})
	if err != nil {
		return "", fmt.Errorf("encode seal: %w", err)
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(sealDomain))
	mac.Write(head)
	mac.Write([]byte(normal))
	return sealPrefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// holds reports whether exactly one block has the id, and it has the button.
func holds(blocks json.RawMessage, blockID, actionID, value string) bool {
	var list []struct {
		Type     string `json:"type"`
		BlockID  string `json:"block_id"`
		Elements []struct {
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
		} `json:"elements"`
	}
	if json.Unmarshal(blocks, &list) != nil {
		return false
	}
	found := 0
	for _, b := range list {
		if b.Type != "actions" {
			continue
		}
		if b.BlockID != blockID {
			return false
		}
		for _, e := range b.Elements {
			if e.ActionID == actionID && e.Value == value {
				found++
			}
		}
	}
	return found == 1
}
