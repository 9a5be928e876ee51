package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // distroless images have no time zones
)

// Freeze is a window in which nothing is changed. Exactly one of Weekly and
// Dates is set. A window begins at the first moment at which the clock of its
// zone shows the start, and ends at the last at which it shows the end: an hour
// that the end of daylight saving repeats is frozen as a whole.
type Freeze struct {
	Name string `json:"name"`
	// Weekly is for example "Fri 16:00–Mon 08:00 Europe/Berlin".
	Weekly string `json:"weekly,omitempty"`
	// Dates is for example "2026-12-20..2027-01-02 Europe/Berlin", both days
	// included, or with times: "2026-12-20 18:00..2027-01-02 08:00 Europe/Berlin".
	Dates string `json:"dates,omitempty"`
	// Namespaces are those that it holds for; none means all.
	Namespaces []string `json:"namespaces,omitempty"`
}

// moment is a time of the clock on the wall, of a day that is counted from the
// window's first.
type moment struct{ day, minute int }

// window is a parsed Freeze.
type window struct {
	freeze Freeze
	zone   *time.Location
	// A weekly window begins on weekday at start, and ends end.day days later.
	weekday    time.Weekday
	start, end moment
	// A dated one holds from..to.
	from, to time.Time
}

var (
	weeklyForm = regexp.MustCompile(`^(\w{3}) (\d\d:\d\d) ?[–-] ?(\w{3}) (\d\d:\d\d) (\S+)$`)
	datesForm  = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d))? ?\.\. ?(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d))? (\S+)$`)
)

const day = 24 * time.Hour

// parse reads a freeze; an error begins with the key at fault.
func (f Freeze) parse() (window, error) {
	w := window{freeze: f}
	if !readable(f.Name) {
		return w, errors.New("name: say in 1 to 60 printable characters what the freeze is for")
	}
	for n, ns := range f.Namespaces {
		if !isNamespace(ns) {
			return w, fmt.Errorf("namespaces[%d]: %q is not the name of a namespace", n, ns)
		}
	}
	switch {
	case (f.Weekly == "") == (f.Dates == ""):
		return w, errors.New("weekly, dates: set exactly one of the two")
	case f.Weekly != "":
		if err := w.parseWeekly(f.Weekly); err != nil {
			return w, fmt.Errorf("weekly: %q %w", f.Weekly, err)
		}
	default:
		if err := w.parseDates(f.Dates); err != nil {
			return w, fmt.Errorf("dates: %q %w", f.Dates, err)
		}
	}
	return w, nil
}

func (w *window) parseWeekly(text string) (err error) {
	m := weeklyForm.FindStringSubmatch(text)
	if m == nil {
		return errors.New(`must look like "Fri 16:00–Mon 08:00 Europe/Berlin"`)
	}
	if w.zone, err = zone(m[5]); err != nil {
		return err
	}
	first, err := weekday(m[1])
	if err != nil {
		return err
	}
	last, err := weekday(m[3])
	if err != nil {
		return err
	}
	if w.start.minute, err = minuteOfDay(m[2]); err != nil {
		return err
	}
	if w.end.minute, err = minuteOfDay(m[4]); err != nil {
		return err
	}
	w.weekday, w.end.day = first, int(last-first+7)%7
	if w.end.day == 0 && w.end.minute == w.start.minute {
		return errors.New("starts and ends at the same moment")
	}
	if w.end.day == 0 && w.end.minute < w.start.minute {
		w.end.day = 7
	}
	return nil
}

func (w *window) parseDates(text string) (err error) {
	m := datesForm.FindStringSubmatch(text)
	if m == nil {
		return errors.New(`must look like "2026-12-20..2027-01-02 Europe/Berlin", with the time zone`)
	}
	if w.zone, err = zone(m[5]); err != nil {
		return err
	}
	var bounds [2]time.Time
	for n := range bounds {
		date, clock := m[1+2*n], m[2+2*n]
		on, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return fmt.Errorf("has the date %s, which does not exist", date)
		}
		var at moment
		switch {
		case clock != "":
			if at.minute, err = minuteOfDay(clock); err != nil {
				return err
			}
		case n == 1:
			at.day = 1 // the last day is frozen as a whole
		}
		first, last := instants(on, at, w.zone)
		bounds[n] = [2]time.Time{first, last}[n]
	}
	w.from, w.to = bounds[0], bounds[1]
	if !w.from.Before(w.to) {
		return errors.New("ends before it starts")
	}
	return nil
}

// at tells whether the window holds for a namespace, and until when.
func (w window) at(namespace string, now time.Time) (Frozen, bool) {
	if len(w.freeze.Namespaces) > 0 && !slices.Contains(w.freeze.Namespaces, namespace) {
		return Frozen{}, false
	}
	from, to := w.from, w.to
	if w.freeze.Weekly != "" {
		from, to = w.week(now)
	}
	if now.Before(from) || !now.Before(to) {
		return Frozen{}, false
	}
	return Frozen{Name: w.freeze.Name, Until: to.In(w.zone).Format("Mon 2 Jan 2006 15:04 MST"), Ends: to.UTC()}, true
}

// week is the weekly window that began last before now.
func (w window) week(now time.Time) (from, to time.Time) {
	local := now.In(w.zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	began := today.Add(-day * time.Duration((local.Weekday()-w.weekday+7)%7))
	from, _ = instants(began, w.start, w.zone)
	if now.Before(from) { // it begins later today, so last week's may hold still
		began = began.Add(-7 * day)
		from, _ = instants(began, w.start, w.zone)
	}
	_, to = instants(began, w.end, w.zone)
	return from, to
}

// instants are the first and the last instant at which the clock on the wall
// shows the moment: two where an hour is repeated, the moment of the leap where
// it is left out. date is a day in UTC that stands for that day in the zone.
// time.Date alone leaves open which of two it means.
func instants(date time.Time, m moment, zone *time.Location) (first, last time.Time) {
	wall := date.Add(day*time.Duration(m.day) + time.Minute*time.Duration(m.minute))
	_, before := wall.Add(-day).In(zone).Zone()
	_, after := wall.Add(day).In(zone).Zone()
	a := wall.Add(-time.Second * time.Duration(before))
	b := wall.Add(-time.Second * time.Duration(after))
	fits := func(t time.Time) bool {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Second * time.Duration(offset)).Equal(wall)
	}
	if b.Before(a) {
		a, b = b, a
	}
	switch {
	case fits(a) && fits(b):
		return a, b
	case fits(a):
		return a, a
	case fits(b):
		return b, b
	}
	_, leap := a.In(zone).ZoneBounds()
	return leap, leap
}

// zone finds an IANA time zone. Abbreviations are refused: EST is a zone that
// knows no daylight saving time.
func zone(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name != "UTC" && !strings.Contains(name, "/") {
		return nil, fmt.Errorf("names no time zone: %q is neither UTC nor like Europe/Berlin", name)
	}
	return loc, nil
}

func weekday(text string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(text, d.String()[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("has the day %q: use Mon, Tue, Wed, Thu, Fri, Sat or Sun", text)
}

func minuteOfDay(text string) (int, error) {
	t, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fmt.Errorf("has the time %q: use 00:00 to 23:59", text)
	}
	return t.Hour()*60 + t.Minute(), nil
}
