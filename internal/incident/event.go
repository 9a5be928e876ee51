package incident

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/countersign-dev/countersign/internal/action"
)

// ID names an incident: "i" and 12 lower-case hexadecimal digits. It is a label
// value of Jobs, a part of button values and what people type.
type ID string

// Role is a party that may append events. The zero value owns nothing.
type Role string

// The two roles of one installation.
const (
	Watcher Role = "watcher"
	Gate    Role = "gate"
)

// Event is one entry of an incident's stream. Version counts from 1; Prev is
// the hash of the predecessor's bytes, empty for the first. Epoch is the gate's
// leadership term.
type Event struct {
	Incident ID          `json:"incident"`
	Version  int         `json:"version"`
	Prev     action.Hash `json:"prev,omitempty"`
	At       time.Time   `json:"at"`
	Role     Role        `json:"role"`
	Epoch    int64       `json:"epoch,omitempty"`
	Type     Type        `json:"type"`
	Body     Body        `json:"body"`
}

// envelope is the stored form. The seal covers the event's bytes as they stand,
// so that an old event stays authentic when a later version of this program
// would encode it otherwise.
type envelope struct {
	Event json.RawMessage `json:"event"`
	Seal  string          `json:"seal,omitempty"`
}

// Record is an event as it is stored: the exact bytes, and what a store needs
// to know without decoding them.
type Record struct {
	Incident ID
	Version  int
	Type     Type
	Raw      []byte
}

// Hash is the hash by which the successor names this record.
func (r Record) Hash() action.Hash {
	sum := sha256.Sum256(r.Raw)
	return action.Hash(hex.EncodeToString(sum[:]))
}

const sealDomain = "countersign/seal/v1\n"

// Sealer makes and checks the seals of gate events. The watcher has none.
type Sealer struct {
	Key   []byte
	Epoch int64
}

func (s Sealer) seal(event []byte) string {
	mac := hmac.New(sha256.New, s.Key)
	mac.Write([]byte(sealDomain))
	mac.Write(event)
	return hex.EncodeToString(mac.Sum(nil))
}

// Next makes the record that follows version and prev. A gate's event needs a
// sealer; a watcher's goes without one.
func Next(id ID, version int, prev action.Hash, role Role, body Body, at time.Time, sealer *Sealer) (Record, error) {
	e := Event{
		Incident: id, Version: version + 1, Prev: prev, At: at.UTC().Truncate(time.Millisecond),
		Role: role, Type: body.Type(), Body: body,
	}
	if owners[e.Type] != role {
		return Record{}, fmt.Errorf("event %s does not belong to the %s", e.Type, role)
	}
	if role == Gate {
		if sealer == nil || len(sealer.Key) == 0 {
			return Record{}, errors.New("a gate event needs the gate's key")
		}
		e.Epoch = sealer.Epoch
	}
	event, err := json.Marshal(e)
	if err != nil {
		return Record{}, fmt.Errorf("encode event: %w", err)
	}
	env := envelope{Event: event}
	if role == Gate {
		env.Seal = sealer.seal(event)
	}
	raw, err := json.Marshal(env)
	if err != nil {
		return Record{}, fmt.Errorf("encode event: %w", err)
	}
	return Record{Incident: id, Version: e.Version, Type: e.Type, Raw: raw}, nil
}

// Decode reads a stored event. It checks form and owner, not the seal.
func Decode(raw []byte) (Event, error) {
	env, err := open(raw)
	if err != nil {
		return Event{}, err
	}
	return decodeEvent(env.Event)
}

func open(raw []byte) (envelope, error) {
	var env envelope
	if err := strict(raw, &env); err != nil {
		return envelope{}, fmt.Errorf("decode event: %w", err)
	}
	// One record, one spelling: a field that stands twice is read once.
	if again, err := json.Marshal(env); err != nil || !bytes.Equal(raw, again) {
		return envelope{}, errors.New("decode event: the record is not in its canonical form")
	}
	return env, nil
}

func decodeEvent(raw []byte) (Event, error) {
	var wire struct {
		Event
		Body json.RawMessage `json:"body"`
	}
	if err := strict(raw, &wire); err != nil {
		return Event{}, fmt.Errorf("decode event: %w", err)
	}
	e := wire.Event
	if owner, ok := owners[e.Type]; !ok || owner != e.Role {
		return Event{}, fmt.Errorf("event type %q does not belong to role %q", e.Type, e.Role)
	}
	body := newBody(e.Type)
	if err := strict(wire.Body, body); err != nil {
		return Event{}, fmt.Errorf("decode %s: %w", e.Type, err)
	}
	e.Body = body
	return e, nil
}

func strict(raw []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("trailing data")
	}
	return nil
}

// authentic reports whether the seal belongs to the event. Watcher events carry
// none: nothing that they say authorises.
func (s Sealer) authentic(e Event, env envelope) bool {
	if e.Role != Gate {
		return env.Seal == ""
	}
	return hmac.Equal([]byte(env.Seal), []byte(s.seal(env.Event)))
}

// Untrusted is a record that Replay set aside, and why.
type Untrusted struct {
	Version int
	Reason  string
}

// Replay folds records into an incident. A record that does not decode, does
// not follow its predecessor, carries a wrong seal or an impossible transition
// is set aside together with everything after it: what follows a forged event
// rests on it. sealer is nil for the watcher, which has no key and believes
// nothing that a seal would have to prove.
func Replay(records []Record, sealer *Sealer) (Incident, []Untrusted) {
	return Incident{}.Follow(records, sealer)
}

// Follow goes on where i stands: records are the last that i is made of, and
// what came after it. If the first is not that one (the store was changed under
// us), everything is set aside.
func (i Incident) Follow(records []Record, sealer *Sealer) (Incident, []Untrusted) {
	if i.Version > 0 {
		if len(records) == 0 || records[0].Hash() != i.Head {
			return i, setAside(i.Version, len(records), "the records are not those that were read before")
		}
		records = records[1:]
	}
	state := i
	for n, r := range records {
		next, reason := state.follow(r, sealer)
		if reason != "" {
			return state, setAside(i.Version+n+1, len(records)-n, reason)
		}
		state = next
	}
	return state, nil
}

// setAside gives the reason to the record of a version and sets those after it
// aside with it, n in all.
func setAside(version, n int, reason string) []Untrusted {
	bad := []Untrusted{{Version: version, Reason: reason}}
	for k := 1; k < n; k++ {
		bad = append(bad, Untrusted{Version: version + k, Reason: "it rests on an untrusted event"})
	}
	return bad
}

// follow is the fold's one step; reason says why it cannot be taken.
func (i Incident) follow(r Record, sealer *Sealer) (next Incident, reason string) {
	env, err := open(r.Raw)
	if err != nil {
		return i, err.Error()
	}
	e, err := decodeEvent(env.Event)
	switch {
	case err != nil:
		return i, err.Error()
	case i.Version > 0 && e.Incident != i.ID:
		return i, "the event is of another incident"
	case e.Version != i.Version+1 || e.Prev != i.Head:
		return i, "the event does not follow its predecessor"
	case sealer != nil && !sealer.authentic(e, env):
		return i, "the seal is wrong"
	}
	next, err = i.Apply(e)
	if err != nil {
		return i, err.Error()
	}
	next.Version, next.Head = e.Version, r.Hash()
	return next, ""
}

// ErrConflict is what a store answers when an incident has moved on since it
// was read.
var ErrConflict = errors.New("the incident has moved on")
