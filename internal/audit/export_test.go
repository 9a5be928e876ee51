package audit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/countersign-dev/countersign/internal/incident"
)

func TestAnExportVerifiesWithThePublicKeyAlone(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 300)
	head := headOf(t, key, all)
	earlier := headOf(t, key, all[:200])
	for name, anchor := range map[string]*Head{"no anchor": nil, "the same anchor": &head, "an earlier anchor": &earlier} {
		r := verify(t, exported(t, all, &head), keys, anchor)
		if len(r.Problems) > 0 || !r.Signed || r.Records != 300 || r.Incidents != 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestWithoutAHeadThatCoversItNothingIsCalledSigned(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 6)
	earlier := headOf(t, key, all[:4])
	if r := verify(t, exported(t, all, nil), keys, nil); r.Signed || len(r.Problems) > 0 {
		t.Errorf("an export without a head: %+v", r)
	}
	if r := verify(t, exported(t, all, nil), keys, &earlier); r.Signed {
		t.Errorf("an anchor of 4 records signs 6: %+v", r)
	}
	// Whoever may write the file appends to what was signed.
	signed := exported(t, all[:4], &earlier)
	forged := append(signed, exported(t, all, nil)[4:]...)
	r := verify(t, forged, keys, nil)
	if r.Signed {
		t.Errorf("records behind the signed head count as signed: %+v", r)
	}
	wantProblem(t, r, lineName(5))
}

func TestVerifyNamesEveryRecordThatIsNotInItsPlace(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 9)
	head := headOf(t, key, all)
	lines := exported(t, all, &head)
	for n := range all {
		altered := slices.Clone(lines)
		altered[n] = strings.Replace(altered[n], `"at":"2026`, `"at":"2027`, 1)
		wantProblem(t, verify(t, altered, keys, nil), lineName(n+1)+"does not match its hash")

		removed := slices.Delete(slices.Clone(lines), n, n+1)
		if n < len(all)-1 {
			wantProblem(t, verify(t, removed, keys, nil), lineName(n+2)+"stands where")
		} else {
			wantProblem(t, verify(t, removed, keys, nil), "the head vouches for 9")
		}
		wantProblem(t, verify(t, slices.Insert(slices.Clone(lines), n, lines[n]), keys, nil), lineName(n+1)+"stands where")
		for m := n + 1; m < len(all); m++ {
			swapped := slices.Clone(lines)
			swapped[n], swapped[m] = swapped[m], swapped[n]
			wantProblem(t, verify(t, swapped, keys, nil), lineName(m+1)+"stands where")
		}
		cut := append(slices.Clone(lines[:n]), lines[n][:len(lines[n])/2])
		wantProblem(t, verify(t, cut, keys, &head), "not a line of an export")
		wantProblem(t, verify(t, append(slices.Clone(lines[:n:n]), lines[9]), keys, nil), "the head vouches for 9")
		if n > 0 {
			wantProblem(t, verify(t, lines[:n], keys, &head), "the anchor vouches for 9")
		}
	}
}

// A record that is replaced along with all hashes after it still cannot be
// signed: the head and the anchor do not fit.
func TestAChainMadeAnewDoesNotFitTheHead(t *testing.T) {
	key, keys := keyOf("k1", 1)
	other, _ := keyOf("k1", 7)
	all := records(t, 5)
	head := headOf(t, key, all)
	forged := records(t, 6)[1:]
	own := headOf(t, other, forged)
	wantProblem(t, verify(t, exported(t, forged, &head), keys, nil), "the head vouches for")
	wantProblem(t, verify(t, exported(t, forged, &own), keys, nil), "not by a known key")
	wantProblem(t, verify(t, exported(t, forged, nil), keys, &head), "not the one that the anchor vouches for")
	stranger, _ := keyOf("k2", 2)
	byStranger := headOf(t, stranger, all)
	wantProblem(t, verify(t, exported(t, all, &byStranger), keys, nil), `not by a known key ("k2")`)
	wantProblem(t, verify(t, exported(t, all, nil), keys, &byStranger), `the anchor's signature is not by a known key ("k2")`)
}

func TestARecordOfAnIncidentMustFollowThatIncidentsLast(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 6)
	// Chained anew without one record in the middle: the incident's own chain tells.
	without := slices.Delete(slices.Clone(all), 1, 2)
	head := headOf(t, key, without)
	wantProblem(t, verify(t, exported(t, without, &head), keys, nil), "does not follow version 1")
	// The right predecessor, and a number that is not the next.
	skipped, err := incident.Next(all[5].Incident, all[5].Version+1, all[5].Hash(), incident.Watcher, &incident.Cleared{}, at(), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, verify(t, exported(t, append(all, skipped), nil), keys, nil), "is version 4 of incident iba9876543210 and does not follow version 2")
}

func TestWhatIsNoExportIsAnError(t *testing.T) {
	_, keys := keyOf("k1", 1)
	for name, text := range map[string]string{"empty": "", "blank lines": "\n \n", "a line without end": strings.Repeat("x", maxLine+1)} {
		if r, err := Verify(strings.NewReader(text), keys, nil); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for _, text := range []string{"hello\n", "{}\n", "[]\n", "null\n", `{"seq":1}` + "\n"} {
		if r, err := Verify(strings.NewReader(text), keys, nil); err != nil || len(r.Problems) == 0 {
			t.Errorf("%q passed: %+v %v", text, r, err)
		}
	}
}

func TestEveryFlippedBitIsAProblem(t *testing.T) {
	key, keys := keyOf("k1", 1)
	all := records(t, 4)
	head := headOf(t, key, all)
	whole := []byte(strings.Join(exported(t, all, &head), "\n") + "\n")
	for at := range whole {
		for bit := range 8 {
			flipped := bytes.Clone(whole)
			flipped[at] ^= 1 << bit
			if same(whole, flipped) {
				continue
			}
			r, err := Verify(bytes.NewReader(flipped), keys, &head)
			if err == nil && len(r.Problems) == 0 {
				t.Fatalf("byte %d, bit %d: the export still verifies\n%s", at, bit, flipped)
			}
		}
	}
}

// same reports whether two exports say the same in other letters: JSON's keys
// in another case, spaces between lines, spare bits at the end of base64.
func same(a, b []byte) bool {
	read := func(raw []byte) (out []entry) {
		for line := range bytes.Lines(raw) {
			var e entry
			if json.Unmarshal(line, &e) != nil {
				return nil
			}
			out = append(out, e)
		}
		return out
	}
	return reflect.DeepEqual(read(a), read(b))
}

func FuzzVerify(f *testing.F) {
	key, keys := keyOf("k1", 1)
	all := records(f, 4)
	head := headOf(f, key, all)
	f.Add([]byte(strings.Join(exported(f, all, &head), "\n")))
	f.Add([]byte(`{"seq":1,"hash":"","record":{"event":{},"seal":""}}`))
	f.Add([]byte(`{"head":{"seq":-1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Verify(bytes.NewReader(raw), keys, &head)
		if err != nil || len(r.Problems) > 0 {
			return
		}
		// Nobody else has the key: what verifies holds exactly our records first.
		var got []incident.Record
		for line := range bytes.Lines(raw) {
			var e entry
			if json.Unmarshal(line, &e) == nil && e.Head == nil && e.Record != nil {
				got = append(got, incident.Record{Raw: e.Record})
			}
		}
		if len(got) < len(all) {
			t.Fatalf("%d of %d records verify", len(got), len(all))
		}
		for n := range all {
			if !bytes.Equal(got[n].Raw, all[n].Raw) {
				t.Fatalf("a forged record %d verifies", n+1)
			}
		}
	})
}
