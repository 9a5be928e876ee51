package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/countersign-dev/countersign/internal/incident"
)

// Redis keeps the records in one Redis (7 or later), shared by both roles and
// all replicas. All keys carry one hash tag, so that the script stays on one
// node of a cluster.
type Redis struct {
	client redis.UniversalClient
	prefix string
}

// NewRedis makes a store on client; prefix separates installations.
func NewRedis(client redis.UniversalClient, prefix string) *Redis {
	return &Redis{client: client, prefix: "{countersign:" + prefix + "}:"}
}

func (s *Redis) key(name string) string         { return s.prefix + name }
func (s *Redis) stream(id incident.ID) string   { return s.prefix + "incident:" + string(id) }
func member(id incident.ID, version int) string { return string(id) + " " + strconv.Itoa(version) }

// appendScript is the one write: it compares the version, appends every record
// to the incident and to the log, keeps the index of open fingerprints, and
// tells the subscribers. KEYS: incident, log, open fingerprints, live, channel.
// ARGV: expected version, id, fingerprint, closing time in ms or "", records….
// It answers "ok", "conflict", or the id that holds the fingerprint.
var appendScript = redis.NewScript(`
local have = redis.call('LLEN', KEYS[1])
if have ~= tonumber(ARGV[1]) then return 'conflict' end
if ARGV[3] ~= '' then
  local holder = redis.call('HGET', KEYS[3], ARGV[3])
  if holder then return holder end
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[2])
  redis.call('HSET', KEYS[3], 'of:' .. ARGV[2], ARGV[3])
end
for n = 5, #ARGV do
  have = have + 1
  redis.call('RPUSH', KEYS[1], ARGV[n])
  redis.call('RPUSH', KEYS[2], ARGV[2] .. ' ' .. have)
end
if tonumber(ARGV[1]) == 0 then redis.call('ZADD', KEYS[4], 'inf', ARGV[2]) end
if ARGV[4] ~= '' then
  local print = redis.call('HGET', KEYS[3], 'of:' .. ARGV[2])
  if print then redis.call('HDEL', KEYS[3], print, 'of:' .. ARGV[2]) end
  redis.call('ZADD', KEYS[4], ARGV[4], ARGV[2])
end
redis.call('PUBLISH', KEYS[5], ARGV[2])
return 'ok'
`)

func (s *Redis) run(ctx context.Context, after int, fingerprint string, records []incident.Record) (string, error) {
	id, closing := records[0].Incident, ""
	args := make([]any, 4, 4+len(records))
	for n, r := range records {
		if r.Version != after+n+1 || r.Incident != id {
			return "", fmt.Errorf("record %d of %s does not follow record %d", r.Version, r.Incident, after+n)
		}
		if r.Type == incident.TypeClosed {
			closing = strconv.FormatInt(time.Now().UnixMilli(), 10)
		}
		args = append(args, r.Raw)
	}
	args[0], args[1], args[2], args[3] = after, string(id), fingerprint, closing
	keys := []string{s.stream(id), s.key("log"), s.key("open"), s.key("live"), s.key("changes")}
	answer, err := appendScript.Run(ctx, s.client, keys, args...).Text()
	if err != nil {
		return "", fmt.Errorf("append to Redis: %w", err)
	}
	return answer, nil
}

// Open appends the first record of an incident; see the package comment.
func (s *Redis) Open(ctx context.Context, fingerprint string, first incident.Record) (incident.ID, bool, error) {
	answer, err := s.run(ctx, 0, fingerprint, []incident.Record{first})
	switch {
	case err != nil:
		return "", false, err
	case answer == "ok":
		return first.Incident, true, nil
	case answer == "conflict":
		return "", false, fmt.Errorf("incident %s exists: %w", first.Incident, incident.ErrConflict)
	}
	return incident.ID(answer), false, nil
}

// Append adds records after the given version. An answer that was lost may have
// been applied: the caller reads again, as after a conflict.
func (s *Redis) Append(ctx context.Context, after int, records ...incident.Record) error {
	if len(records) == 0 {
		return nil
	}
	if after == 0 {
		return incident.ErrConflict
	}
	answer, err := s.run(ctx, after, "", records)
	if err != nil {
		return err
	}
	if answer != "ok" {
		return incident.ErrConflict
	}
	return nil
}

// After returns an incident's records after the first n; none for an unknown one.
func (s *Redis) After(ctx context.Context, id incident.ID, n int) ([]incident.Record, error) {
	raws, err := s.client.LRange(ctx, s.stream(id), int64(n), -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read incident %s from Redis: %w", id, err)
	}
	records := make([]incident.Record, len(raws))
	for k, raw := range raws {
		records[k] = incident.Record{Incident: id, Version: n + k + 1, Raw: []byte(raw)}
		if e, err := incident.Decode(records[k].Raw); err == nil {
			records[k].Type = e.Type
		}
	}
	return records, nil
}

// Log returns up to limit records after the first n of the store's one order.
func (s *Redis) Log(ctx context.Context, n, limit int) ([]incident.Record, error) {
	entries, err := s.client.LRange(ctx, s.key("log"), int64(n), int64(n+limit-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("read the log from Redis: %w", err)
	}
	records := make([]incident.Record, 0, len(entries))
	for _, entry := range entries {
		var (
			id      incident.ID
			version int
		)
		if _, err := fmt.Sscanf(entry, "%s %d", &id, &version); err != nil {
			return nil, fmt.Errorf("the log in Redis holds %q, which names no record", entry)
		}
		raw, err := s.client.LIndex(ctx, s.stream(id), int64(version-1)).Bytes()
		if err != nil {
			return nil, fmt.Errorf("read record %s from Redis: %w", member(id, version), err)
		}
		r := incident.Record{Incident: id, Version: version, Raw: raw}
		if e, err := incident.Decode(raw); err == nil {
			r.Type = e.Type
		}
		records = append(records, r)
	}
	return records, nil
}

// Live lists the incidents that are open or were closed within keep.
func (s *Redis) Live(ctx context.Context, keep time.Duration) ([]incident.ID, error) {
	since := strconv.FormatInt(time.Now().Add(-keep).UnixMilli(), 10)
	names, err := s.client.ZRangeByScore(ctx, s.key("live"), &redis.ZRangeBy{Min: since, Max: "+inf"}).Result()
	if err != nil {
		return nil, fmt.Errorf("list incidents in Redis: %w", err)
	}
	ids := make([]incident.ID, len(names))
	for n, name := range names {
		ids[n] = incident.ID(name)
	}
	return ids, nil
}

// Changes delivers the ids of incidents that are appended to. What was said
// while the connection was down is made up for: at every (re)subscription all
// live incidents are delivered.
func (s *Redis) Changes(ctx context.Context) (<-chan incident.ID, error) {
	var f feed
	out := f.subscribe(ctx)
	sub := s.client.Subscribe(ctx, s.key("changes"))
	if _, err := sub.Receive(ctx); err != nil {
		sub.Close()
		return nil, fmt.Errorf("subscribe to Redis: %w", err)
	}
	go func() {
		defer sub.Close()
		events := sub.ChannelWithSubscriptions()
		for {
			select {
			case <-ctx.Done():
				return
			case e, ok := <-events:
				if !ok {
					return
				}
				switch e := e.(type) {
				case *redis.Message:
					f.publish(incident.ID(e.Payload))
				case *redis.Subscription:
					ids, err := s.Live(ctx, time.Hour)
					if err != nil {
						continue // the connection is down again; the next subscription makes up for it
					}
					for _, id := range ids {
						f.publish(id)
					}
				}
			}
		}
	}()
	return out, nil
}

// Ping reports whether Redis answers.
func (s *Redis) Ping(ctx context.Context) error {
	if err := s.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("Redis does not answer: %w", err)
	}
	return nil
}
