package slackstub

import (
	"time"

	"golang.org/x/time/rate"
)

// workspacePostsPerMinute stands for Slack's "several hundred a minute".
const workspacePostsPerMinute = 300

// buckets are per method, for one workspace and one app; chat.postMessage has
// one for each channel besides. They are guarded by the server's lock.
type buckets struct {
	limits Limits
	byKey  map[string]*rate.Limiter
}

func newBuckets(l Limits) buckets {
	return buckets{limits: l, byKey: map[string]*rate.Limiter{}}
}

// take spends one call and returns how long to wait, or 0 where it may pass.
func (b buckets) take(now time.Time, name string, perMinute int, channel string) time.Duration {
	if b.limits.Off {
		return 0
	}
	if name == "chat.postMessage" {
		perMinute = workspacePostsPerMinute
		if d := b.spend(now, name+" "+channel, rate.Limit(1), b.limits.PostBurst); d > 0 {
			return d
		}
	}
	if perMinute == 0 {
		return 0
	}
	burst := perMinute
	if b.limits.TierBurst > 0 {
		burst = b.limits.TierBurst
	}
	return b.spend(now, name, rate.Limit(float64(perMinute)/60), burst)
}

func (b buckets) spend(now time.Time, key string, r rate.Limit, burst int) time.Duration {
	l := b.byKey[key]
	if l == nil {
		l = rate.NewLimiter(r, burst)
		b.byKey[key] = l
	}
	res := l.ReserveN(now, 1)
	d := res.DelayFrom(now)
	if d > 0 {
		res.CancelAt(now)
	}
	return d
}
