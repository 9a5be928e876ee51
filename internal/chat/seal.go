package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
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
	row := 0
	for _, b := range blocks {
		if buttons, ok := b.(*slack.ActionBlock); ok {
			id, err := s.mac(raw)
			if err != nil {
				return err
			}
			buttons.BlockID = rowID(id, row)
			row++
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
	blockID, _, _ = strings.Cut(blockID, rowMark)
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

// rowMark stands in the block_id of a further row of buttons, between the MAC
// and the row's number: Slack takes no id twice, and base64 has no such sign.
const rowMark = "."

func rowID(mac string, row int) string {
	if row == 0 {
		return mac
	}
	return mac + rowMark + strconv.Itoa(row)
}

// holds reports whether all buttons are ours, and exactly one, in the row of that
// id, is the one that was pressed.
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
	found, row := 0, 0
	base, _, _ := strings.Cut(blockID, rowMark)
	for _, b := range list {
		if b.Type != "actions" {
			continue
		}
		if row++; b.BlockID != rowID(base, row-1) {
			return false
		}
		if b.BlockID != blockID {
			continue
		}
		for _, e := range b.Elements {
			if e.ActionID == actionID && e.Value == value {
				found++
			}
		}
	}
	return found == 1
}
