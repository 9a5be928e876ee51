package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/slack-go/slack"
)

// ErrMaybePosted says that the answer to a post was lost: the message may stand
// in Slack, and posting it again may make a second one.
var ErrMaybePosted = errors.New("the answer was lost: the message may have been posted")

// LimitedError says that Slack wants a method to be left alone for Wait.
type LimitedError struct {
	Method string
	Wait   time.Duration
}

func (e *LimitedError) Error() string {
	return fmt.Sprintf("Slack limits %s: retry after %s", e.Method, e.Wait.Round(time.Second))
}

// TokenError says that a token is no longer accepted, so that trying again
// leads nowhere. Setting is the one to change.
type TokenError struct {
	Setting string
	Code    string // Slack's
	Remedy  string
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("%s is refused by Slack (%s): %s", e.Setting, e.Code, e.Remedy)
}

const (
	botSetting     = "SLACK_BOT_TOKEN"
	appSetting     = "SLACK_APP_TOKEN"
	channelSetting = "SLACK_CHANNEL_ID"
	botPrefix      = "xoxb-"
	appPrefix      = "xapp-"
)

// codeOf is Slack's error code, or empty where the answer was none of Slack's.
func codeOf(err error) string {
	var answer slack.SlackErrorResponse
	if errors.As(err, &answer) {
		return answer.Err
	}
	return ""
}

// tokenError recognises the codes that no waiting will mend.
func tokenError(setting string, err error) *TokenError {
	remedy := ""
	code := codeOf(err)
	switch code {
	case "invalid_auth", "not_authed":
		remedy = "copy the token again from the app's page"
	case "account_inactive", "token_revoked", "app_uninstalled":
		remedy = "the app was removed from the workspace or the token was revoked: install the app again and copy the new token"
	case "token_expired":
		remedy = "switch token rotation off for the app and install it again"
	case "not_allowed_token_type":
		remedy = "SLACK_BOT_TOKEN takes the bot token (xoxb-), SLACK_APP_TOKEN the app-level token (xapp-)"
	case "missing_scope":
		remedy = "add the scope to the app and install it again"
		var answer slack.SlackErrorResponse
		switch {
		case setting == appSetting:
			remedy = "the app-level token needs the scope connections:write: generate one on the app's page Basic Information"
		case errors.As(err, &answer) && answer.Needed != "":
			remedy = "add the scope " + answer.Needed + " to the app and install it again"
		}
	case "forbidden_team", "team_access_not_granted":
		remedy = "install the app in this workspace"
	default:
		return nil
	}
	return &TokenError{Setting: setting, Code: code, Remedy: remedy}
}

// scrub wraps an error of a call. It drops the address of a url.Error, which
// for a response_url is a secret that lets anybody post.
func scrub(doing string, err error) error {
	if err == nil {
		return nil
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// maybeApplied reports whether the request may have taken effect although there
// was no answer.
func maybeApplied(err error) bool {
	var status slack.StatusCodeError
	var limited *LimitedError
	var op *net.OpError
	switch {
	case err == nil, codeOf(err) != "", errors.As(err, &limited):
		return false
	case errors.As(err, &op) && op.Op == "dial":
		return false // nothing was sent
	case errors.As(err, &status):
		return status.Code >= 500
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return true
	}
	return true
}
