package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

const formDomain = "countersign/form/v1\n"

// signForm seals a form: its metadata together with the words that a person
// reads on it. Whoever steals the bot token and overhears one form could else
// open another one with the same metadata and other words.
func (s seal) signForm(form *slack.ModalViewRequest, meta formMeta) error {
	raw, err := json.Marshal(form)
	if err != nil {
		return fmt.Errorf("encode form: %w", err)
	}
	var v view
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("encode form: %w", err)
	}
	body, err := meta.encode()
	if err != nil {
		return err
	}
	mac, err := s.formMAC(v, body)
	if err != nil {
		return err
	}
	form.PrivateMetadata = mac + "." + body
	if utf8.RuneCountInString(form.PrivateMetadata) > metadataRunes {
		return fmt.Errorf("the parameters are too long for a form: %w", errNoForm)
	}
	return nil
}

func (s seal) genuineForm(v view, body, sealed string) bool {
	if len(s.key) == 0 {
		return false
	}
	want, err := s.formMAC(v, body)
	return err == nil && hmac.Equal([]byte(want), []byte(sealed))
}

func (s seal) formMAC(v view, body string) (string, error) {
	words, err := formWords(v)
	if err != nil {
		return "", err
	}
	head, err := json.Marshal([]string{s.team, v.CallbackID, body})
	if err != nil {
		return "", fmt.Errorf("encode seal: %w", err)
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(formDomain))
	mac.Write(head)
	mac.Write([]byte(words))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}

// formWords is what a form says, without what Slack fills in. What is not a
// field is kept word by word.
func formWords(v view) (string, error) {
	var b strings.Builder
	for _, text := range []json.RawMessage{v.Title, v.Submit, v.Close} {
		var o map[string]any
		if err := json.Unmarshal(text, &o); err != nil {
			return "", fmt.Errorf("decode form: %w", err)
		}
		fmt.Fprintf(&b, "%q\n", unescape(str(o, "text")))
	}
	var blocks []map[string]any
	if err := json.Unmarshal(v.Blocks, &blocks); err != nil {
		return "", fmt.Errorf("decode form: %w", err)
	}
	for _, block := range blocks {
		if str(block, "type") != "input" {
			fmt.Fprintf(&b, "block %s\n", wordForm(without(block, "block_id")))
			continue
		}
		element, _ := block["element"].(map[string]any)
		fmt.Fprintf(&b, "input %q %q %q %q", str(block, "block_id"), str(element, "type"), str(element, "action_id"), unescape(str(element, "initial_value")))
		for _, choice := range []any{element["options"], element["option_groups"], element["initial_option"]} {
			if choice != nil {
				fmt.Fprintf(&b, " %s", wordForm(choice))
			}
		}
		for _, text := range []any{block["label"], block["hint"], element["placeholder"]} {
			o, _ := text.(map[string]any)
			fmt.Fprintf(&b, " %q", unescape(str(o, "text")))
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}
