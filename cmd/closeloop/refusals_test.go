package main

import (
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"closeloop/conversions"
)

// booksMany has the server take bookings of that many leads, and stops it.
func (l *loop) booksMany(t *testing.T, many int) {
	t.Helper()
	server, url := l.serve(t)
	for lead := 1; lead <= many; lead++ {
		post(t, http.DefaultClient, url, tagged(lead, lead, "booked", 100_00+lead, sampleID(lead)))
	}
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, server, "msg=stopped")
}

// wrongAccount makes the sandbox say of the first rows of every upload that
// their clicks belong to another account (INVALID_CUSTOMER_FOR_CLICK).
func (l *loop) wrongAccount(t *testing.T, rows int) {
	t.Helper()
	numbers := make([]string, rows)
	for i := range numbers {
		numbers[i] = strconv.Itoa(i)
	}
	l.fault(t, `{"kind":"row_error","times":-1,"rows":[`+strings.Join(numbers, ",")+`],"family":"conversion_upload_error","number":30}`)
}

func TestMassRefusalsPauseTheAccount(t *testing.T) {
	t.Parallel()
	const many = 25
	l := newQuickLoop(t)
	l.booksMany(t, many)
	l.wrongAccount(t, many)
	said := `Google says of most of the last conversions that their clicks belong to another account or came after them`
	l.does(t, exitUnsent, "run", said, `error: rows stay queued for: acme`)
	l.does(t, exitOK, "account list", `paused: `+said)
	if list := l.does(t, exitOK, "audit list --state queued"); strings.Count(list, "Sending is paused: "+said) != many {
		t.Fatalf("want all %d put back:\n%s", many, list)
	}
	l.does(t, exitOK, "audit show 1", `answered +refused, for 100\.01 USD`, `put_back +the refusal is taken back`,
		`hint +Check the account's customer and zone`)

	l.does(t, exitUnsent, "run", said)
	if got := l.sent(t); got != "25" {
		t.Fatalf("right after the pause the uploads have %s rows, want no more than the first", got)
	}
	l.later(t, conversions.ProbeEvery)
	l.does(t, exitUnsent, "run", said)
	l.later(t, conversions.ProbeEvery)
	l.does(t, exitUnsent, "run", said)
	if got := l.sent(t); got != "25 1 1" {
		t.Fatalf("after two hours the uploads have %s rows, want a probe an hour", got)
	}
	l.does(t, exitOK, "audit list --state refused", `booked +refused `) // what was probed, until one goes well

	l.mends(t)
	l.later(t, conversions.ProbeEvery)
	l.does(t, exitOK, "run", `done +25`) // a probe, then the rest, and what was probed before
	if got, held := l.sent(t), len(l.held(t)); held != many || got != "25 1 1 1 24" {
		t.Errorf("once mended Google holds %d, after uploads of %s rows", held, got)
	}
	l.does(t, exitOK, "account list", `live +20\d\d-.* on\n`)
	if list := l.does(t, exitOK, "audit list --state done"); strings.Count(list, " done ") != many {
		t.Errorf("want all %d done:\n%s", many, list)
	}
}

// Four fifths of the last twenty answers are the mark.
func TestRefusalsThatAreNotMostPauseNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		bad    int
		code   int
		states []string
	}{
		{15, exitOK, []string{"done 5", "refused 15"}},
		{16, exitUnsent, []string{"done 4", "queued 16"}},
	} {
		t.Run(strconv.Itoa(tt.bad), func(t *testing.T) {
			t.Parallel()
			l := newQuickLoop(t)
			l.booksMany(t, conversions.SuspectAnswers)
			l.wrongAccount(t, tt.bad)
			l.does(t, tt.code, "run")
			for _, want := range tt.states {
				state, n, _ := strings.Cut(want, " ")
				if list := l.does(t, exitOK, "audit list --state "+state); strconv.Itoa(strings.Count(list, " "+state+" ")) != n {
					t.Errorf("want %s:\n%s", want, list)
				}
			}
		})
	}
}

// Google fails one row again and again with an error of its own; the row beside
// it goes through at once.
func TestTenErrorsOfGooglesOwnNeedAPerson(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	l.booksMany(t, 2)
	l.fault(t, `{"kind":"row_internal","times":-1,"rows":[0]}`)
	l.does(t, exitOK, "run", `done +1`)
	l.later(t, time.Second)
	l.does(t, exitOK, "run", `rows 0,`) // each has a wait of its own
	for range conversions.MaxCounted - 1 {
		l.does(t, exitOK, "audit show 1", `state +queued`, `Due 20.*, as Google's last answer asks\.`)
		l.later(t, conversions.BackoffCap)
		l.does(t, exitOK, "run", `rows 1,`)
	}
	l.does(t, exitOK, "audit show 1", `state +needs_a_person`,
		`why +Google answered with an error of its own too often; a person must decide\. Last: .*InternalError\.INTERNAL_ERROR`,
		`hint +closeloop resolve retry 1 --note '…' has it tried again; closeloop resolve give-up 1`)
	sent := l.sent(t)
	l.later(t, 2*conversions.BackoffCap)
	l.does(t, exitOK, "run", `rows 0,`)
	if got := l.sent(t); got != sent || sent != "2"+strings.Repeat(" 1", conversions.MaxCounted-1) {
		t.Errorf("the uploads have %s rows, want two, then nine times the one", got)
	}

	l.mends(t)
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "resolve retry 1 --by sam --note 'Google mended it'", `row 1 is now queued; it is uploaded by a run when it is due`)
	l.does(t, exitOK, "run", `done +1`)
	l.does(t, exitOK, "audit show 1", `state +done`, `retried +to be tried again, decided by sam: Google mended it`)
	if got := l.holds(t); got != "1001 100.01, 1001 100.02" {
		t.Errorf("Google holds %s, want both", got)
	}
}
