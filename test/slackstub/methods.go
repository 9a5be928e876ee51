package slackstub

// Tiers are calls a minute.
const (
	tier2 = 20
	tier3 = 50
	tier4 = 100
	// auth.test and the few others Slack calls special.
	tierSpecial = 300
)

var (
	chatScopes    = []string{"chat:write"}
	readScopes    = []string{"channels:read", "groups:read", "im:read", "mpim:read"}
	historyScopes = []string{"channels:history", "groups:history", "im:history", "mpim:history"}
	fileScopes    = []string{"files:write"}
	groupScopes   = []string{"usergroups:read"}
	userScopes    = []string{"users:read"}
)

// methodTable lists every method with the arguments its documentation names.
func methodTable() map[string]method {
	list := []string{"cursor", "limit"}
	with := func(base []string, more ...string) []string { return append(more, base...) }
	post := []string{"channel", "text", "blocks", "attachments", "thread_ts", "parse", "link_names",
		"username", "icon_emoji", "icon_url", "as_user", "markdown_text"}
	history := with(list, "channel", "oldest", "latest", "inclusive", "include_all_metadata")
	return map[string]method{
		"auth.test":             {perMinute: tierSpecial, do: (*Server).authTest},
		"apps.connections.open": {perMinute: tier3, token: appToken, do: (*Server).connectionsOpen},

		"chat.postMessage": {scopes: chatScopes, do: (*Server).postMessage,
			args: with(post, "reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn", "metadata")},
		"chat.postEphemeral": {scopes: chatScopes, perMinute: tier4, do: (*Server).postEphemeral, args: with(post, "user")},
		"chat.update": {scopes: chatScopes, perMinute: tier3, do: (*Server).updateMessage,
			args: []string{"channel", "ts", "text", "blocks", "attachments", "metadata", "markdown_text",
				"parse", "link_names", "reply_broadcast", "as_user", "file_ids"}},
		"chat.delete":       {scopes: chatScopes, perMinute: tier3, do: (*Server).deleteMessage, args: []string{"channel", "ts", "as_user"}},
		"chat.getPermalink": {perMinute: tierSpecial, do: (*Server).permalink, args: []string{"channel", "message_ts"}},

		"conversations.info": {scopes: readScopes, perMinute: tier3, do: (*Server).conversationInfo,
			args: []string{"channel", "include_locale", "include_num_members"}},
		"conversations.list": {scopes: readScopes, perMinute: tier2, do: (*Server).conversationList,
			args: with(list, "exclude_archived", "team_id", "types")},
		"conversations.members": {scopes: readScopes, perMinute: tier4, do: (*Server).conversationMembers, args: with(list, "channel")},
		"conversations.open": {scopes: []string{"im:write", "mpim:write"}, perMinute: tier3, do: (*Server).conversationOpen,
			args: []string{"users", "channel", "return_im", "prevent_creation"}},
		"conversations.history": {scopes: historyScopes, perMinute: tier3, do: (*Server).conversationHistory, args: history},
		"conversations.replies": {scopes: historyScopes, perMinute: tier3, do: (*Server).conversationReplies, args: with(history, "ts")},

		"users.info":          {scopes: userScopes, perMinute: tier4, do: (*Server).userInfo, args: []string{"user", "include_locale"}},
		"users.list":          {scopes: userScopes, perMinute: tier2, do: (*Server).userList, args: with(list, "include_locale", "team_id")},
		"users.lookupByEmail": {scopes: []string{"users:read.email"}, perMinute: tier3, do: (*Server).userByEmail, args: []string{"email", "team_id"}},
		"usergroups.list": {scopes: groupScopes, perMinute: tier2, do: (*Server).groupList,
			args: []string{"include_count", "include_disabled", "include_users", "team_id"}},
		"usergroups.users.list": {scopes: groupScopes, perMinute: tier2, do: (*Server).groupUsers,
			args: []string{"usergroup", "include_disabled", "team_id"}},

		"views.open":    {perMinute: tier4, do: (*Server).viewOpen, args: []string{"trigger_id", "interactivity_pointer", "view"}},
		"views.push":    {perMinute: tier4, do: (*Server).viewPush, args: []string{"trigger_id", "interactivity_pointer", "view"}},
		"views.update":  {perMinute: tier4, do: (*Server).viewUpdate, args: []string{"view", "view_id", "external_id", "hash"}},
		"views.publish": {perMinute: tier4, do: (*Server).viewPublish, args: []string{"user_id", "view", "hash"}},

		"reactions.add": {scopes: []string{"reactions:write"}, perMinute: tier3, do: (*Server).addReaction, args: []string{"channel", "name", "timestamp"}},

		"files.getUploadURLExternal": {scopes: fileScopes, perMinute: tier4, do: (*Server).uploadURL,
			args: []string{"filename", "length", "alt_txt", "snippet_type"}},
		"files.completeUploadExternal": {scopes: fileScopes, perMinute: tier4, do: (*Server).completeUpload,
			args: []string{"files", "channel_id", "channels", "thread_ts", "initial_comment", "blocks"}},
	}
}
