package chat

import (
	"encoding/json"
	"errors"
	"fmt"
)

// envelope is one frame of Socket Mode. The package decodes frames itself, with
// types that take what they need and ignore the rest: slack-go refuses a whole
// press because of one block that it does not know, and then Slack sees no
// acknowledgement and the person an error.
type envelope struct {
	Type    string          `json:"type"`
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
	// Retry counts how often an event was sent before, to whatever connection.
	Retry int `json:"retry_attempt"`
}

// The types of envelopes that ask for something.
const (
	typeInteractive = "interactive"
	typeSlash       = "slash_commands"
	typeEvents      = "events_api"
)

var errNoEnvelope = errors.New("the frame has no envelope id")

func decodeEnvelope(raw []byte) (envelope, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return envelope{}, fmt.Errorf("decode frame: %w", err)
	}
	if e.ID == "" || len(e.ID) > 200 {
		return envelope{}, errNoEnvelope
	}
	return e, nil
}

// press is what the package needs of a block_actions or view_submission payload.
type press struct {
	Type        string    `json:"type"`
	Team        *identity `json:"team"` // where the app is installed; null for an organisation
	Enterprise  *identity `json:"enterprise"`
	User        user      `json:"user"`
	Container   container `json:"container"`
	Channel     identity  `json:"channel"`
	Message     message   `json:"message"`
	ResponseURL string    `json:"response_url"`
	Actions     []pressed `json:"actions"`
	TriggerID   string    `json:"trigger_id"`
	View        view      `json:"view"`
}

type identity struct {
	ID string `json:"id"`
}

type user struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	TeamID   string `json:"team_id"`
}

type container struct {
	Type      string `json:"type"`
	MessageTS string `json:"message_ts"`
	ChannelID string `json:"channel_id"`
	Ephemeral bool   `json:"is_ephemeral"`
}

type message struct {
	TS          string            `json:"ts"`
	Blocks      json.RawMessage   `json:"blocks"`
	Attachments []json.RawMessage `json:"attachments"`
	Files       []json.RawMessage `json:"files"`
}

type pressed struct {
	ActionID string `json:"action_id"`
	BlockID  string `json:"block_id"`
	Value    string `json:"value"`
	ActionTS string `json:"action_ts"`
}

// view is a form as it was sent off.
type view struct {
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	CallbackID      string          `json:"callback_id"`
	PrivateMetadata string          `json:"private_metadata"`
	Title           json.RawMessage `json:"title"`
	Submit          json.RawMessage `json:"submit"`
	Close           json.RawMessage `json:"close"`
	Blocks          json.RawMessage `json:"blocks"`
	State           struct {
		Values map[string]map[string]entered `json:"values"`
	} `json:"state"`
}

// entered is what a person put into a field: text, or a choice.
type entered struct {
	Value    string `json:"value"`
	Selected struct {
		Value string `json:"value"`
	} `json:"selected_option"`
}

// slashed is what the package needs of a slash command.
type slashed struct {
	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	ChannelID    string `json:"channel_id"`
	UserID       string `json:"user_id"`
	UserName     string `json:"user_name"`
	Command      string `json:"command"`
	Text         string `json:"text"`
	ResponseURL  string `json:"response_url"`
	TriggerID    string `json:"trigger_id"`
}

// event is what the package needs of an Events API callback.
type event struct {
	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	EventID      string `json:"event_id"`
	EventTime    int64  `json:"event_time"` // Unix seconds
	Event        struct {
		Type     string          `json:"type"`
		User     string          `json:"user"`
		UserTeam string          `json:"user_team"`
		Team     string          `json:"team"`
		BotID    string          `json:"bot_id"`
		Text     string          `json:"text"`
		TS       string          `json:"ts"`
		ThreadTS string          `json:"thread_ts"`
		Channel  json.RawMessage `json:"channel"` // an id, or an object with one
		Tokens   struct {
			Bot []string `json:"bot"`
		} `json:"tokens"`
	} `json:"event"`
}

// channel is the id of the event's channel.
func (e event) channel() string {
	var id string
	if json.Unmarshal(e.Event.Channel, &id) == nil {
		return id
	}
	var o identity
	_ = json.Unmarshal(e.Event.Channel, &o) // neither form: no channel
	return o.ID
}
