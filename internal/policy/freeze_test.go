package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/countersign-dev/countersign/policies"
)

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func parsed(t testing.TB, f Freeze) window {
	t.Helper()
	if f.Name == "" {
		f.Name = "freeze"
	}
	w, err := f.parse()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// The instants beside a boundary are one second apart. Berlin changes on 29 March
// and 25 October 2026 at 01:00 UTC, New York on 8 March at 07:00 UTC and on 1
// November at 06:00 UTC.
func TestAFreezeKeepsTheClockOfItsZoneAcrossDaylightSaving(t *testing.T) {
	for _, c := range []struct {
		name, weekly, dates string
		frozen, open        []string
		until               string // of the first frozen
	}{
		{
			name: "a weekend in winter", weekly: "Fri 16:00–Mon 08:00 Europe/Berlin",
			frozen: []string{"2026-11-20T15:00:00Z", "2026-11-23T06:59:59Z"},
			open:   []string{"2026-11-20T14:59:59Z", "2026-11-23T07:00:00Z"}, until: "Mon 23 Nov 2026 08:00 CET",
		},
		{
			name: "a weekend in which summer time begins is an hour shorter", weekly: "Fri 16:00–Mon 08:00 Europe/Berlin",
			frozen: []string{"2026-03-27T15:00:00Z", "2026-03-30T05:59:59Z"},
			open:   []string{"2026-03-27T14:59:59Z", "2026-03-30T06:00:00Z"}, until: "Mon 30 Mar 2026 08:00 CEST",
		},
		{
			name: "a weekend in which summer time ends is an hour longer", weekly: "Fri 16:00-Mon 08:00 Europe/Berlin",
			frozen: []string{"2026-10-23T14:00:00Z", "2026-10-26T06:59:59Z"},
			open:   []string{"2026-10-23T13:59:59Z", "2026-10-26T07:00:00Z"}, until: "Mon 26 Oct 2026 08:00 CET",
		},
		{
			name: "a weekend in New York, spring", weekly: "Fri 16:00–Mon 08:00 America/New_York",
			frozen: []string{"2026-03-06T21:00:00Z", "2026-03-09T11:59:59Z"},
			open:   []string{"2026-03-06T20:59:59Z", "2026-03-09T12:00:00Z"}, until: "Mon 9 Mar 2026 08:00 EDT",
		},
		{
			name: "a weekend in New York, autumn", weekly: "Fri 16:00–Mon 08:00 America/New_York",
			frozen: []string{"2026-10-30T20:00:00Z", "2026-11-02T12:59:59Z"},
			open:   []string{"2026-10-30T19:59:59Z", "2026-11-02T13:00:00Z"}, until: "Mon 2 Nov 2026 08:00 EST",
		},
		{
			name: "an end in the hour that is left out is the leap", weekly: "Sat 16:00–Sun 02:30 Europe/Berlin",
			frozen: []string{"2026-03-29T00:59:59Z"}, open: []string{"2026-03-29T01:00:00Z"}, until: "Sun 29 Mar 2026 03:00 CEST",
		},
		{
			name: "a start in the hour that is left out is the leap", weekly: "Sun 02:30–Sun 05:00 America/New_York",
			frozen: []string{"2026-03-08T07:00:00Z"}, open: []string{"2026-03-08T06:59:59Z", "2026-03-08T09:00:00Z"}, until: "Sun 8 Mar 2026 05:00 EDT",
		},
		{
			name: "an end in the hour that comes twice is the second", weekly: "Sat 16:00–Sun 02:30 Europe/Berlin",
			frozen: []string{"2026-10-25T00:29:59Z", "2026-10-25T00:45:00Z", "2026-10-25T01:29:59Z"},
			open:   []string{"2026-10-25T01:30:00Z"}, until: "Sun 25 Oct 2026 02:30 CET",
		},
		{
			name: "a start in the hour that comes twice is the first", weekly: "Sun 01:30–Sun 05:00 America/New_York",
			frozen: []string{"2026-11-01T05:30:00Z", "2026-11-01T06:10:00Z", "2026-11-01T09:59:59Z"},
			open:   []string{"2026-11-01T05:29:59Z", "2026-11-01T10:00:00Z"}, until: "Sun 1 Nov 2026 05:00 EST",
		},
		{
			name: "a window over the turn of the week", weekly: "Sat 22:00–Wed 06:00 UTC",
			frozen: []string{"2026-11-21T22:00:00Z", "2026-11-24T12:00:00Z"}, open: []string{"2026-11-21T21:59:59Z", "2026-11-25T06:00:00Z"},
			until: "Wed 25 Nov 2026 06:00 UTC",
		},
		{
			name: "a window that is nearly a week", weekly: "Fri 16:00–Fri 08:00 UTC",
			frozen: []string{"2026-11-20T07:59:59Z", "2026-11-20T16:00:00Z", "2026-11-26T12:00:00Z"},
			open:   []string{"2026-11-20T08:00:00Z", "2026-11-20T15:59:59Z"}, until: "Fri 20 Nov 2026 08:00 UTC",
		},
		{
			name: "a night", weekly: "Mon 22:00–Tue 06:00 UTC",
			frozen: []string{"2026-11-23T22:00:00Z"}, open: []string{"2026-11-23T21:59:59Z", "2026-11-24T06:00:00Z", "2026-11-24T22:00:00Z"},
			until: "Tue 24 Nov 2026 06:00 UTC",
		},
		{
			name: "dates hold both days", dates: "2026-12-20..2027-01-02 Europe/Berlin",
			frozen: []string{"2026-12-19T23:00:00Z", "2027-01-02T22:59:59Z"},
			open:   []string{"2026-12-19T22:59:59Z", "2027-01-02T23:00:00Z"}, until: "Sun 3 Jan 2027 00:00 CET",
		},
		{
			name: "dates with a change of the clock between them", dates: "2026-03-28 18:00..2026-03-30 08:00 Europe/Berlin",
			frozen: []string{"2026-03-28T17:00:00Z", "2026-03-30T05:59:59Z"},
			open:   []string{"2026-03-28T16:59:59Z", "2026-03-30T06:00:00Z"}, until: "Mon 30 Mar 2026 08:00 CEST",
		},
		{
			name: "one day", dates: "2026-11-01..2026-11-01 America/New_York",
			frozen: []string{"2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z"},
			open:   []string{"2026-11-01T03:59:59Z", "2026-11-02T05:00:00Z"}, until: "Mon 2 Nov 2026 00:00 EST",
		},
		{
			name: "a day that begins at one o'clock", dates: "2026-09-06..2026-09-06 America/Santiago",
			frozen: []string{"2026-09-06T04:00:00Z"}, open: []string{"2026-09-06T03:59:59Z"}, until: "Mon 7 Sep 2026 00:00 -03",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := parsed(t, Freeze{Weekly: c.weekly, Dates: c.dates})
			for n, text := range c.frozen {
				f, holds := w.at("shop", instant(t, text))
				if !holds {
					t.Errorf("%s is not frozen", text)
				}
				if n == 0 && f.Until != c.until {
					t.Errorf("until %q, want %q", f.Until, c.until)
				}
			}
			for _, text := range c.open {
				if _, holds := w.at("shop", instant(t, text)); holds {
					t.Errorf("%s is frozen", text)
				}
			}
		})
	}
}

// Through a year in quarters of an hour: each week has one freeze and no more, and
// every answer names the same end.
func TestAFreezeIsOnePieceInEveryWeekOfTheYear(t *testing.T) {
	for _, weekly := range []string{
		"Sat 16:00–Sun 02:30 Europe/Berlin", "Sun 01:30–Sun 02:30 America/New_York", "Sun 02:15–Mon 02:15 Europe/London",
		"Sun 00:00–Sun 02:15 Australia/Lord_Howe", "Sat 23:30–Sun 00:30 America/Santiago", "Thu 23:00–Fri 01:00 Africa/Cairo",
	} {
		w := parsed(t, Freeze{Weekly: weekly})
		var began, ended int
		was, until := false, time.Time{}
		for at := instant(t, "2026-01-07T12:00:00Z"); at.Before(instant(t, "2027-01-06T12:00:00Z")); at = at.Add(15 * time.Minute) {
			f, holds := w.at("shop", at)
			switch {
			case holds && !was:
				began, until = began+1, f.Ends
			case holds && !f.Ends.Equal(until):
				t.Fatalf("%s: at %s it ends %s, before that it ended %s", weekly, at, f.Ends, until)
			case !holds && was:
				ended++
				if !at.Equal(until) {
					t.Fatalf("%s: ended %s, said %s", weekly, at, until)
				}
			}
			was = holds
		}
		if began != 52 || ended != 52 {
			t.Errorf("%s: began %d times and ended %d times in 52 weeks", weekly, began, ended)
		}
	}
}

func TestAFreezeOfSomeNamespacesLeavesTheOthers(t *testing.T) {
	s := settings()
	s.Freezes = []Freeze{
		{Name: "weekend", Weekly: "Fri 10:00–Mon 08:00 Europe/Berlin", Namespaces: []string{"pay", "shop"}},
		{Name: "audit", Dates: "2026-11-20..2026-11-20 UTC", Namespaces: []string{"pay"}},
		{Name: "past", Dates: "2025-11-20..2025-11-20 UTC"},
	}
	e := engine(t, policies.Source, s)
	for namespace, want := range map[string]string{
		"shop": "namespace shop is frozen until Mon 23 Nov 2026 08:00 CET (weekend)",
		"pay":  "namespace pay is frozen until Mon 23 Nov 2026 08:00 CET (weekend); namespace pay is frozen until Sat 21 Nov 2026 00:00 UTC (audit)",
		"web":  "",
	} {
		in := question(Propose)
		in.Action.Target.Namespace = namespace
		d, err := e.Decide(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, r := range d.Reasons {
			said = append(said, r.String())
		}
		if got := strings.Join(said, "; "); got != want || d.Allow != (want == "") {
			t.Errorf("%s: %v %q, want %q", namespace, d.Allow, got, want)
		}
		if want != "" && !d.Until.Equal(instant(t, "2026-11-23T07:00:00Z")) {
			t.Errorf("%s: ends %s", namespace, d.Until)
		}
	}
}
