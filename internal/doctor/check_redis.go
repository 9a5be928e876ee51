package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redis looks at the store where it is a Redis.
func (e *examination) redis(ctx context.Context) []row {
	const reachable, safe = "redis", "redis persistence"
	if e.RedisURL == "" {
		return []row{skipped(reachable, "the embedded store is used")}
	}
	options, err := redis.ParseURL(e.RedisURL)
	if err != nil {
		return []row{bad(reachable, "REDIS_URL is no redis:// or rediss:// address", "correct REDIS_URL")}
	}
	client := redis.NewClient(options)
	defer client.Close()
	info, err := client.Info(ctx, "server", "persistence", "memory").Result()
	if err != nil {
		return []row{bad(reachable, "it does not answer: "+err.Error(), "see that Redis runs, and that REDIS_URL names it with its password")}
	}
	facts := parseRedis(info)
	// Hosted services often forbid CONFIG; then only INFO speaks.
	if save, err := client.ConfigGet(ctx, "save").Result(); err == nil {
		facts.save, facts.saveKnown = save["save"], true
	}
	return []row{good(reachable, "Redis %s answers", facts.version), persistenceRow(safe, facts)}
}

// redisFacts are what Redis says of itself.
type redisFacts struct {
	version   string
	aof       string // aof_enabled
	policy    string // maxmemory_policy
	save      string
	saveKnown bool
}

func parseRedis(info string) (f redisFacts) {
	for _, line := range strings.Split(info, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "redis_version":
			f.version = value
		case "aof_enabled":
			f.aof = value
		case "maxmemory_policy":
			f.policy = value
		}
	}
	return f
}

// persistenceRow demands that a restart forgets nothing and a full memory drops
// nothing: votes and orders are in there.
func persistenceRow(name string, f redisFacts) row {
	switch {
	case f.policy == "" || f.aof == "":
		return unclear(name, errors.New("Redis does not say whether it keeps what it is told"), "ask its operator for appendonly yes and maxmemory-policy noeviction")
	case f.policy != "noeviction":
		return bad(name, fmt.Sprintf("maxmemory-policy is %s: a full Redis would forget incidents", f.policy), "set maxmemory-policy to noeviction")
	case f.aof == "1":
		return good(name, "append-only file, noeviction")
	case f.saveKnown && f.save != "":
		return good(name, "snapshots only (save %s), noeviction; appendonly yes would lose less", f.save)
	case !f.saveKnown:
		return unclear(name, errors.New("there is no append-only file, and Redis does not say whether it saves"), "set appendonly to yes")
	}
	return bad(name, "nothing is written to a disk: a restart forgets every incident and vote", "set appendonly to yes")
}
