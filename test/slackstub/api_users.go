package slackstub

import (
	"slices"
	"strings"
)

func (s *Server) userJSON(u *User) obj {
	o := s.plainUser(u)
	for k, v := range u.Extra {
		if o[k] = v; v == nil {
			delete(o, k)
		}
	}
	return o
}

func (s *Server) plainUser(u *User) obj {
	o := obj{"id": u.ID, "team_id": u.TeamID, "name": u.Name, "deleted": u.Deleted, "is_bot": u.IsBot,
		"is_app_user": false, "updated": int64(1700000000),
		"profile": obj{"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.Name,
			"display_name_normalized": u.Name, "title": u.Title, "team": u.TeamID}}
	if u.TeamID != TeamID {
		// Of an external user Slack tells less: no roles.
		o["is_stranger"] = u.IsStranger
		return o
	}
	if s.scopes["users:read.email"] && u.Email != "" {
		o["profile"].(obj)["email"] = u.Email
	}
	if u.Deleted {
		return o // roles are left out for deactivated users
	}
	for k, v := range map[string]any{"color": u.Color, "real_name": u.RealName, "tz": "Europe/Amsterdam",
		"tz_label": "Central European Time", "tz_offset": 3600, "is_admin": u.IsAdmin, "is_owner": false,
		"is_primary_owner": false, "is_restricted": u.IsRestricted || u.IsUltraRestricted,
		"is_ultra_restricted": u.IsUltraRestricted, "is_email_confirmed": !u.IsBot} {
		o[k] = v
	}
	return o
}

func (s *Server) userInfo(a args) (obj, *apiError) {
	u := s.users[a.str("user")]
	if u == nil {
		return nil, fail("user_not_found")
	}
	return obj{"user": s.userJSON(u)}, nil
}

func (s *Server) userList(a args) (obj, *apiError) {
	var all []any
	for _, id := range s.userIDs {
		if u := s.users[id]; u.TeamID == TeamID {
			all = append(all, s.userJSON(u))
		}
	}
	page, cursor, e := paged(all, a)
	return obj{"members": page, "cache_ts": s.clock.Now().Unix(), "response_metadata": obj{"next_cursor": cursor}}, e
}

func (s *Server) userByEmail(a args) (obj, *apiError) {
	for _, id := range s.userIDs {
		u := s.users[id]
		if !u.Deleted && u.TeamID == TeamID && u.Email != "" && strings.EqualFold(u.Email, a.str("email")) {
			return obj{"user": s.userJSON(u)}, nil
		}
	}
	return nil, fail("users_not_found")
}

func (s *Server) groupList(a args) (obj, *apiError) {
	ids := make([]string, 0, len(s.groups))
	for id := range s.groups {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := []any{}
	for _, id := range ids {
		g := s.groups[id]
		if g.Disabled && !a.bool("include_disabled") {
			continue
		}
		o := obj{"id": g.ID, "team_id": TeamID, "is_usergroup": true, "is_subteam": true, "name": g.Name, "description": "",
			"handle": g.Handle, "is_external": false, "date_create": int64(1700000000), "date_update": int64(1700000000), "date_delete": 0,
			"created_by": Alice, "updated_by": Alice, "deleted_by": nil,
			"prefs": obj{"channels": []any{}, "groups": []any{}}}
		if g.Disabled {
			o["date_delete"] = int64(1700000000)
		}
		if a.bool("include_users") {
			o["users"] = slices.Clone(g.Users)
		}
		if a.bool("include_count") {
			o["user_count"] = len(g.Users)
		}
		out = append(out, o)
	}
	return obj{"usergroups": out}, nil
}

func (s *Server) groupUsers(a args) (obj, *apiError) {
	g := s.groups[a.str("usergroup")]
	if g == nil || g.Disabled && !a.bool("include_disabled") {
		return nil, fail("no_such_subteam")
	}
	return obj{"users": append([]string{}, g.Users...)}, nil
}
