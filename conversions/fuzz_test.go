package conversions_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
)

// decoded reads eight bytes an event: outcome, hour (two), lateness in
// minutes, amount (two), click and consent.
func decoded(data []byte) []conversions.Event {
	var events []conversions.Event
	for chunk := range slices.Chunk(data, 8) {
		if len(chunk) < 8 || len(events) == 64 {
			break
		}
		hour := time.Duration(chunk[1])<<8 + time.Duration(chunk[2])
		e := tag(int64(len(events)+1), hour*time.Hour, outcomes()[int(chunk[0])%len(outcomes())])
		e.Received = e.At.Add(time.Duration(int8(chunk[3])) * time.Minute)
		cents := conversions.Cents(chunk[4])<<8 + conversions.Cents(chunk[5])
		switch chunk[6] % 4 {
		case 0:
			actual(cents)(&e)
		case 1:
			revenue(cents)(&e)
		case 2:
			estimated(cents * cents)(&e)
		}
		switch chunk[6] / 4 % 4 {
		case 0:
			click("CLICK-" + string(rune('A'+chunk[6]/16)))(&e)
		case 1:
			placeholder(&e)
		}
		switch chunk[7] % 8 {
		case 0:
			e.Consent = conversions.ConsentDenied
		case 1:
			e.Consent = conversions.ConsentGranted
		case 2:
			e.CallStart = e.At.Add(-time.Duration(chunk[7]) * time.Minute)
		case 3:
			e.At = time.Time{}
		}
		events = append(events, e)
	}
	return events
}

func FuzzFold(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x00\x01\x00\x09\xc4\x00\x05"))                                  // booked
	f.Add([]byte("\x03\x00\x01\x00\x01\xf4\x0a\x05\x01\x00\x02\x00\x09\xc4\x00\x05"))  // quoted, booked
	f.Add([]byte("\x01\x00\x01\x00\x09\xc4\x00\x05\x05\x00\x02\x00\x00\x00\x0f\x05"))  // booked, spam
	f.Add([]byte("\x01\x00\x09\x00\x09\xc4\x0c\x05\x00\x00\x01\x7f\x00\x00\x03\x02"))  // booked, the call comes late
	f.Add([]byte("\x01\xff\xff\x80\x09\xc4\x00\x03\x06\x00\x01\x00\x00\x00\x04\x00q")) // fast clock, denied, a rest
	f.Fuzz(func(t *testing.T, data []byte) {
		events := decoded(data)
		wants := fold(rules(), events...)
		if problem := inconsistency(rules(), wants); problem != "" {
			t.Fatalf("%s: %+v", problem, wants)
		}
		slices.Reverse(events)
		if diff := cmp.Diff(wants, fold(rules(), events...)); diff != "" {
			t.Fatalf("in reverse (-forward +reverse):\n%s", diff)
		}
		for _, w := range wants {
			row := conversions.Row{Key: conversions.Key{Account: "acme", Source: "src_1", Lead: "call-1", Stage: w.Stage}}
			e, ok := row.Decide(w, events, w.Due)
			if !ok {
				t.Fatalf("the first want of %s is not recorded", w.Stage)
			}
			row = row.Apply(e)
			if problem := contradiction(row); problem != "" {
				t.Fatalf("%s: %+v", problem, row)
			}
			if _, again := row.Decide(w, events, w.Due); again {
				t.Fatalf("the same want is recorded twice: %+v", w)
			}
		}
	})
}
