package chat

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/countersign-dev/countersign/internal/incident"
	"github.com/countersign-dev/countersign/internal/redact"
)

// Identify asks Slack who a person is now: whether a full, active, human member
// of the workspace that installed Countersign, and in which of the groups that
// settings name. Nothing is cached. What Slack does not answer is an error, and
// the person is nobody.
func (s *Slack) Identify(ctx context.Context, p incident.Person) (incident.Identity, error) {
	ws, err := s.workspace(ctx)
	if err != nil {
		return incident.Identity{}, err
	}
	id := incident.Identity{Person: p}
	if p.ID == "" {
		id.Why = redact.Literal("Slack did not say who pressed")
		return id, nil
	}
	u, err := s.profileOf(ctx, p.ID)
	switch codeOf(err) {
	case "user_not_found", "user_not_visible", "users_not_found":
		id.Why = redact.Literal("Slack does not know this person")
		return id, nil
	}
	if err != nil {
		return incident.Identity{}, scrub("ask Slack about "+p.ID, err)
	}
	id.Person.Name = s.displayName(u)
	if id.Why = stranger(ws, p, u); !id.Why.IsEmpty() {
		return id, nil
	}
	if id.Groups, err = s.groupsOf(ctx, p.ID); err != nil {
		return incident.Identity{}, err
	}
	id.Member = true
	return id, nil
}

// groupsOf asks for the members of each group that settings name. One group
// that Slack does not answer for fails the whole: a person must not lose or
// keep a right by an outage.
func (s *Slack) groupsOf(ctx context.Context, user string) ([]string, error) {
	if s.cfg.Groups == nil {
		return nil, nil
	}
	var in []string
	for _, group := range s.cfg.Groups() {
		var members []string
		err := s.call(ctx, "usergroups.users.list", func(ctx context.Context) (err error) {
			members, err = s.api.GetUserGroupMembersContext(ctx, group)
			return err
		})
		if err != nil {
			return nil, scrub("ask Slack who is in the user group "+group, err)
		}
		if slices.Contains(members, user) {
			in = append(in, group)
		}
	}
	return in, nil
}

func (s *Slack) displayName(u *profile) redact.Text {
	for _, name := range []string{u.RealName, u.Profile.RealName, u.Profile.DisplayName, u.Name} {
		if name != "" {
			return s.nameText(name)
		}
	}
	return redact.Text{}
}

const (
	keepName = 10 * time.Minute
	// lookUp bounds how long a card waits for the names of its approvers. An id
	// serves where a name does not come.
	lookUp = 2 * time.Second
)

// names caches what ids are called. It decides nothing.
type names struct {
	now  func() time.Time
	mu   sync.Mutex
	seen map[string]nameAt
}

type nameAt struct {
	name redact.Text
	at   time.Time
}

func newNames(now func() time.Time) *names { return &names{now: now, seen: map[string]nameAt{}} }

func (n *names) get(id string) (redact.Text, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.seen[id]
	return e.name, ok && n.now().Sub(e.at) < keepName
}

func (n *names) put(id string, name redact.Text) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.seen) >= maxRecent {
		clear(n.seen)
	}
	n.seen[id] = nameAt{name, n.now()}
}

// resolve finds the names of those who may press, as far as Slack tells quickly.
func (s *Slack) resolve(ctx context.Context, i incident.Incident) map[string]redact.Text {
	cur := i.Current()
	if cur == nil || !cur.Open() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUp)
	defer cancel()
	out := map[string]redact.Text{}
	for _, id := range cur.Proposed.Approvers {
		if len(out) == maxApprovers {
			break
		}
		name, ok := s.names.get(id.String())
		if !ok {
			name = s.askName(ctx, id.String())
			if ctx.Err() != nil {
				break
			}
			s.names.put(id.String(), name)
		}
		out[id.String()] = name
	}
	return out
}

// askName is empty where there is no name to be had.
func (s *Slack) askName(ctx context.Context, id string) redact.Text {
	switch {
	case len(id) > 2 && (id[0] == 'U' || id[0] == 'W'):
		if u, err := s.profileOf(ctx, id); err == nil {
			return s.displayName(u)
		}
	case len(id) > 2 && id[0] == 'S':
		var groups []slack.UserGroup
		err := s.call(ctx, "usergroups.list", func(ctx context.Context) (err error) {
			groups, err = s.api.GetUserGroupsContext(ctx)
			return err
		})
		for _, g := range groups {
			if err == nil && g.ID == id {
				return redact.Sprintf("group %s", s.nameText(g.Handle))
			}
		}
	}
	return redact.Text{}
}
