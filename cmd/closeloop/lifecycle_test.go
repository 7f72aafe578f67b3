package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newQuickLoop is a loop in which nothing waits.
func newQuickLoop(t *testing.T) *loop {
	t.Helper()
	l := newLoop(t, "")
	l.edit(t, "    consent: granted", "    consent: granted\n    hold: 0s\n    settle: 0s\n    withdraw_wait: 0s")
	return l
}

// tagged is a signed tag of yesterday, the n-th of its lead.
func tagged(lead, n int, kind string, cents int, gclid string) []byte {
	at := time.Now().Add(-20*time.Hour + time.Duration(n)*time.Minute).UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"event":"call.outcome_tagged","timestamp":%q,"data":{"id":%d,"call_session_id":%d,`+
		`"outcome_type":%q,"estimated_value_cents":%d,"actual_value_cents":0,"revenue_cents":%d,"contact":{"id":456},`+
		`"attribution":{"source":"google_ads","medium":"cpc","gclid":%q,"type":"session"}}}`, at, lead*100+n, lead, kind, cents, cents, gclid)
}

// fault makes the sandbox fail.
func (l *loop) fault(t *testing.T, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.sandbox+"/faults", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("the sandbox answers %d to the fault %s", resp.StatusCode, text)
	}
}

// holds is what the sandbox holds, oldest first: action and value, or
// "retracted".
func (l *loop) holds(t *testing.T) string {
	t.Helper()
	var all []string
	for _, c := range l.held(t) {
		text := fmt.Sprintf("%v %.2f", c["action"], c["value"])
		if gone, _ := c["retracted"].(bool); gone {
			text = fmt.Sprintf("%v retracted", c["action"])
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// does runs a command that must end with the exit code, and whose output must
// match the patterns.
func (l *loop) does(t *testing.T, code int, command string, patterns ...string) string {
	t.Helper()
	out, stderr, got := l.run(t, fields(command)...)
	if got != code {
		t.Fatalf("closeloop %s: exit %d, want %d\n%s%s", command, got, code, out, stderr)
	}
	says(t, "closeloop "+command, out+stderr, patterns...)
	return out
}

// fields splits a command at spaces that are not within single quotes.
func fields(command string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(command, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}

// nextSecond returns in the next second of the clock: the adjustments of one
// conversion are a second apart, and none may lie in the future.
func nextSecond() {
	now := time.Now()
	<-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

func TestTheStoryOfOneLead(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	_, url := l.serve(t)
	steps := []struct {
		name, outcome string
		cents         int
		google        string
		states        []string
	}{
		{"quoted", "quoted", 1000_00, "1002 200.00", []string{`quoted +done +200\.00 +200\.00 `}},
		{"booked", "booked", 2500_00, "1001 2500.00, 1002 200.00", []string{`booked +done +2500\.00 +2500\.00 `, `quoted +done +200\.00 `}},
		{"value changed", "booked", 3100_00, "1001 3100.00, 1002 200.00", []string{`booked +done +3100\.00 +3100\.00 `}},
		{"the same again", "booked", 3100_00, "1001 3100.00, 1002 200.00", []string{`booked +done +3100\.00 +3100\.00 `}},
		{"spam", "spam", 0, "1001 retracted, 1002 retracted", []string{
			`booked +retracted .* Retracted at Google: a later tag took the outcome back \(spam\)\.`, `quoted +retracted `,
		}},
		{"booked again", "booked", 2800_00, "1001 2800.00, 1001 retracted, 1002 retracted", []string{
			`booked +done +2800\.00 +2800\.00 `, `booked +retracted `, `quoted +retracted `,
		}},
	}
	for i, s := range steps {
		post(t, http.DefaultClient, url, tagged(7, i, s.outcome, s.cents, sampleID(7)))
		nextSecond()
		l.does(t, exitOK, "run")
		if got := l.holds(t); got != s.google {
			t.Errorf("%s: Google holds %s, want %s", s.name, got, s.google)
		}
		l.does(t, exitOK, "audit list --lead 7", s.states...)
	}
	l.tellsTheStory(t)
}

// tellsTheStory checks the history of the first booking, and that the second
// has an order id of its own.
func (l *loop) tellsTheStory(t *testing.T) {
	t.Helper()
	var rows []struct {
		ID         int    `json:"id"`
		Stage      string `json:"stage"`
		Generation int    `json:"generation"`
		OrderID    string `json:"order_id"`
	}
	if err := json.Unmarshal([]byte(l.does(t, exitOK, "audit list --lead 7 --stage booked --format json")), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].Generation != 1 || rows[1].Generation != 0 || rows[0].OrderID == rows[1].OrderID {
		t.Fatalf("the bookings are %+v, want two generations with order ids of their own", rows)
	}
	show := l.does(t, exitOK, fmt.Sprintf("audit show %d", rows[1].ID),
		`decided +upload booked with 2500\.00 USD`, `answered +done, for 2500\.00 USD at `,
		`decided +restate booked with 3100\.00 USD \(from revenue 3100\.00\), due `, `answered +done, for restating it to 3100\.00 USD with adjustment time `,
		`decided +retract booked, because the outcome was tagged spam; due `, `answered +done, for retracting it with adjustment time `)
	if n := strings.Count(show, " answered "); n != 3 {
		t.Errorf("the first booking was answered %d times, want 3:\n%s", n, show)
	}
	l.does(t, exitOK, fmt.Sprintf("audit show %d", rows[0].ID), `retracted before +1`, `decided +upload booked with 2800\.00 USD`, `answered +done, for 2800\.00 USD`)
}

// A retraction is final, so it waits a day; the outcome that comes back
// meanwhile is the same conversion as before.
func TestRetractionWaitsAndIsCancelled(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	l.edit(t, "    withdraw_wait: 0s", "    withdraw_wait: 24h")
	_, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, sampleID(1)))
	l.does(t, exitOK, "run", `done +1`)
	post(t, http.DefaultClient, url, tagged(1, 1, "spam", 0, sampleID(1)))
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "audit show 1", `state +change_due`, `operation +retract`,
		`why +Google holds 2500\.00 USD, but a later tag took the outcome back \(spam\)\. It will be retracted at the earliest .*, unless the outcome comes back before\.`)
	post(t, http.DefaultClient, url, tagged(1, 2, "booked", 2500_00, sampleID(1)))
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "audit show 1", `state +done`, `decided +wanted as Google holds it: 2500\.00 USD`)
	if got := l.holds(t); got != "1001 2500.00" {
		t.Errorf("Google holds %s, want the booking untouched", got)
	}
}

func TestResolveRetryAndGiveUp(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	_, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, sampleID(1)))
	l.fault(t, `{"kind":"row_error","rows":[0],"family":"conversion_upload_error","number":43}`)
	l.does(t, exitOK, "run", `refused +1`)

	l.does(t, exitUsage, "resolve retry 1", `error: --note is missing: a decision needs a word on why\nhint: closeloop resolve retry --help`)
	l.does(t, exitUsage, "resolve retry --note x", `error: ROW is missing`)
	l.does(t, exitNotFound, "resolve retry 99 --note x", `error: row 99: not found\nhint: closeloop audit list`)
	l.does(t, exitNotFound, "resolve retry clnothing --note x", `error: row clnothing: not found`)
	l.does(t, exitNotFound, "resolve retry 1 --note x --account acne", `error: no account "acne"\nhint: the configuration has: acme`)
	l.does(t, exitFailed, "resolve approve 1 --note x", `error: row 1 is refused: there is nothing to approve\nhint: closeloop audit show 1`)

	l.does(t, exitOK, "resolve give-up 1 --by sam --note 'agreed with the client'", `row 1 is now skipped\n`)
	l.does(t, exitOK, "audit show 1", `why +A person gave it up\.`, `given_up +nothing more is sent until it changes, decided by sam: agreed with the client`)
	l.does(t, exitFailed, "resolve give-up 1 --note again", `there is nothing to give-up`)
	l.does(t, exitOK, "resolve retry 1 --by sam --note 'action mended'", `row 1 is now queued; it is uploaded by a run when it is due`)
	l.does(t, exitFailed, "resolve retry 1 --note again", `error: row 1 is queued: there is nothing to retry\nhint: it is sent by itself`)
	l.does(t, exitOK, "run", `done +1`)
	if got := l.holds(t); got != "1001 2500.00" {
		t.Errorf("Google holds %s, want the booking", got)
	}
	l.does(t, exitFailed, "resolve give-up 1 --note x", `error: row 1 is done: there is nothing to give-up`)
}

func TestResolveARowInFlight(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	_, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, sampleID(1)))
	l.fault(t, `{"kind":"cut","after_work":true}`)
	l.does(t, exitUnsent, "run", `requests without an answer: 1`)
	for _, way := range []string{"retry 1", "give-up 1", "approve 1", "set-click 1 " + sampleID(2)} {
		l.does(t, exitFailed, "resolve "+way+" --note x", `error: row 1 was sent and has no answer yet\nhint: `)
	}
}

func TestResolveHeldRetractions(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	_, url := l.serve(t)
	const many = 11 // more than the ten that go without asking
	for lead := range many {
		post(t, http.DefaultClient, url, tagged(lead, 0, "booked", 100_00, sampleID(lead)))
	}
	l.does(t, exitOK, "run", `done +11`)
	for lead := range many {
		post(t, http.DefaultClient, url, tagged(lead, 1, "spam", 0, sampleID(lead)))
	}
	l.does(t, exitOK, "run", `held +11 retractions wait for approval: closeloop audit list --state needs_a_person`)
	if got := l.holds(t); strings.Contains(got, "retracted") {
		t.Fatalf("Google holds %s, want nothing retracted", got)
	}
	l.does(t, exitOK, "audit show 3", `state +needs_a_person`, `hint +If it is right, closeloop resolve approve 3 `, `held +Unusually many`)
	l.does(t, exitFailed, "resolve retry 3 --note x", `there is nothing to retry\nhint: its retraction is held: closeloop resolve approve 3, or closeloop resolve give-up 3`)
	l.does(t, exitOK, "resolve approve 3 --by sam --note 'really spam'", `row 3 is now change_due; it is retracted by a run`)
	l.does(t, exitOK, "resolve give-up 4 --note 'it was no spam'", `row 4 is now cannot_change\n`)
	l.does(t, exitOK, "run", `done +1`)
	if got := l.holds(t); strings.Count(got, "retracted") != 1 {
		t.Errorf("Google holds %s, want one retracted", got)
	}
	l.does(t, exitOK, "audit show 3", `state +retracted`, `approved +the retraction may go, decided by sam: really spam`)
	l.does(t, exitOK, "audit show 4", `Google holds 100\.00 USD, but a later tag took the outcome back \(spam\)\. A person gave it up\.`)
}

func TestSetClick(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	server, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, strings.ToLower(sampleID(1)))) // a damage only Google can judge
	post(t, http.DefaultClient, url, tagged(2, 0, "booked", 900_00, ""))
	l.does(t, exitOK, "run", `refused +1`)
	l.does(t, exitOK, "audit list", `booked +refused +2500\.00 `, `booked +waiting +900\.00 `)
	l.does(t, exitOK, "audit show 1", `click warning +The click id looks lower-cased; it is sent as it is\. Find the URL rule`, `\(the click id looks lower-cased; it is sent as it is\)`)

	l.does(t, exitUsage, "resolve set-click 1 --note x", `error: CLICK_ID is missing`)
	l.does(t, exitUsage, "resolve set-click 1 CjwKCAjw... --note x", `error: CLICK_ID cannot be sent: .*\nhint: `)
	l.does(t, exitUsage, "resolve set-click 1 "+sampleID(1)+" --kind msclkid --note x", `error: --kind cannot be "msclkid"\nhint: it is one of gclid, gbraid, wbraid`)
	set := l.does(t, exitOK, "resolve set-click 1 "+sampleID(1)+" --by sam --note 'from the landing page report'", `row 1 is now queued; it is uploaded by a run`)
	l.does(t, exitOK, "resolve set-click 1 "+sampleID(1)+" --note again", `row 1 is queued as before: it had this click id already`)
	l.does(t, exitOK, "resolve set-click 2 "+sampleID(2)+" --note 'from the call'", `row 2 is now queued`)
	l.does(t, exitOK, "run", `done +2`)
	if got := l.holds(t); got != "1001 2500.00, 1001 900.00" {
		t.Errorf("Google holds %s, want both bookings", got)
	}
	l.does(t, exitFailed, "resolve set-click 1 "+sampleID(3)+" --note x", `it was uploaded with its click id, which cannot be changed any more`)
	show := l.does(t, exitOK, "audit show 1", `click id +gclid given by a person`,
		`received +click id given, decided by sam: from the landing page report, gclid `, `; tried again because another click id came`)
	private(t, server.printed()+set+show)
}

func TestReplayUnderChangedRules(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	server, url := l.serve(t)
	post(t, http.DefaultClient, url, tagged(1, 0, "quoted", 1000_00, sampleID(1)))
	l.does(t, exitOK, "run", `done +1`)
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, server, "msg=stopped")
	l.does(t, exitOK, "replay", `leads folded again 1, outcomes that would change 0\n`, `Everything is as today's rules want it\.`)

	l.edit(t, "share: 20%", "share: 50%")
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "replay --account acme", `outcomes that would change 1\n +restate +1\n +lead 1, quoted: from done to change_due, restate 200\.00 to 500\.00\n`, `Nothing was changed; --apply does it\.`)
	l.does(t, exitOK, "replay --source varda-e2e --format json", `"applied": false`, `"restate": 1`)
	l.does(t, exitOK, "replay --to 2020-01-01 --apply", `leads folded again 0`)
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "replay --apply", `outcomes that changed 1\n`, `The operations follow in the next runs`)
	l.does(t, exitOK, "run", `done +1`)
	if got := l.holds(t); got != "1002 500.00" {
		t.Errorf("Google holds %s, want the quote at its new share", got)
	}
	l.does(t, exitOK, "replay --apply", `outcomes that changed 0\n`)
	l.does(t, exitNotFound, "replay --source nobody", `error: no delivery came from a source with the key "nobody"\nhint: the configuration has the keys: varda-e2e`)
	l.does(t, exitNotFound, "replay --account nobody", `error: no account "nobody"`)
	l.does(t, exitUsage, "replay --from yesterday", `error: "yesterday" is no date or time`)
	l.does(t, exitUsage, "replay --format csv", `error: --format cannot be "csv"\nhint: it is one of table, json`)
}

func TestPauseAndResumeAnAccount(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	_, url := l.serve(t)
	l.does(t, exitOK, "account list", `acme +1234567890 +google_ads +live +20\d\d-.* on\n`)
	l.does(t, exitUsage, "account pause acme", `error: --note is missing`)
	l.does(t, exitNotFound, "account pause acne --note x", `error: no account "acne"`)
	l.does(t, exitNotFound, "account pause acme --action 7 --note x", `error: account acme has no conversion action "7"\nhint: it has: 1001, 1002`)
	l.does(t, exitFailed, "account resume acme", `error: account acme is not paused\nhint: closeloop account list`)

	l.does(t, exitOK, "account pause acme --by sam --note 'tracking is rebuilt.'", `account acme is paused; outcomes stay queued until: closeloop account resume acme\n`)
	if status, text := post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, sampleID(1))); status != http.StatusAccepted {
		t.Errorf("while paused a delivery is answered %d %s, want 202", status, text)
	}
	out := l.does(t, exitUnsent, "run", `account acme is paused: Paused by sam: tracking is rebuilt\. closeloop account resume acme\n`, `error: rows stay queued for: acme`)
	list := l.does(t, exitOK, "account list", `paused: Paused by sam: tracking is rebuilt\. closeloop account resume acme\n`)
	l.does(t, exitOK, "account list --format json", `"code": "Closeloop.BY_HAND"`)
	shown := l.does(t, exitOK, "audit show 1", `why +Sending is paused: Paused by sam: tracking is rebuilt`)
	summary := l.does(t, exitOK, "audit summary", `Sending to account acme is paused since `)
	if strings.Contains(out+list+shown+summary, "9999") {
		t.Error("a pause by hand is said to end by itself")
	}
	l.does(t, exitOK, "account resume acme", `account acme is sent to again\n`)
	l.does(t, exitOK, "run", `done +1`)

	l.does(t, exitOK, "account pause acme --action 1001 --note x", `conversion action 1001 of account acme is paused`)
	post(t, http.DefaultClient, url, tagged(2, 0, "booked", 100_00, sampleID(2)))
	post(t, http.DefaultClient, url, tagged(3, 0, "quoted", 100_00, sampleID(3)))
	l.does(t, exitUnsent, "run", `done +1`)
	if got := l.holds(t); got != "1001 2500.00, 1002 20.00" {
		t.Errorf("Google holds %s, want the quote only beside the first booking", got)
	}
	l.does(t, exitFailed, "account resume acme", `hint: but conversion action 1001 of account acme is: closeloop account resume acme --action 1001`)
	l.does(t, exitOK, "account resume acme --action 1001", `conversion action 1001 of account acme is sent to again`)
	l.does(t, exitOK, "run", `done +1`)
}
