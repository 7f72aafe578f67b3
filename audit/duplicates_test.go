package audit_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"closeloop/audit"
	"closeloop/conversions"
)

// ofContact is a tag of a contact's lead.
func (w *world) ofContact(a conversions.AccountID, lead conversions.LeadID, o conversions.Outcome, ago time.Duration, p conversions.Person) conversions.Event {
	e := w.tag(a, lead, o, 2500_00, ago)
	p.Clicks = e.Person.Clicks
	e.Person = p
	return e
}

// twins are jobs tagged on two calls and on three, across the night on which
// New York's clocks go forward.
func twins(w *world) *world {
	w.Helper()
	w.now = time.Date(2026, 3, 10, 16, 0, 0, 0, time.UTC)
	hash := strings.Repeat("e", 64)
	jane := conversions.Person{Contact: "contact-456", EmailHash: hash}
	w.take(
		w.ofContact(acme, "first", "booked", 5*day, jane),
		w.ofContact(acme, "second", "booked", 60*time.Hour, conversions.Person{Contact: "contact-456", PhoneHash: strings.Repeat("f", 64), EmailHash: hash}),
		w.ofContact(acme, "third", "booked", 59*time.Hour, conversions.Person{PhoneHash: strings.Repeat("f", 64)}),
		w.ofContact(acme, "quote", "quoted", 58*time.Hour, jane),
		w.ofContact(trial, "one", "booked", 20*time.Hour, jane), w.ofContact(trial, formula, "booked", 19*time.Hour, jane),
		w.ofContact(acme, "nobody", "booked", 30*time.Hour, conversions.Person{}),
	)
	w.answer(w.send(acme, "first", "second"), done())
	w.now = noon()
	return w
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := twins(newWorld(t))
	for file, tt := range map[string]struct {
		report  string
		filter  conversions.Filter
		subject conversions.LeadID
	}{
		"duplicates":       {report: "audit duplicates"},
		"duplicates-limit": {report: "audit duplicates", filter: conversions.Filter{Account: acme, Limit: 1}},
		"duplicates-none":  {report: "audit duplicates", filter: conversions.Filter{Account: acme, Stage: conversions.StageQuoted}},
		"list-duplicates":  {report: "audit list", filter: conversions.Filter{Account: acme}},
		"show-duplicate":   {report: "audit show", subject: "second"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			q := w.query()
			q.Filter = tt.filter
			if tt.subject != "" {
				q.Subject = strconv.FormatInt(int64(w.row(acme, tt.subject).ID), 10)
			}
			res := report(t, w.s, tt.report, q)
			golden(t, file, res)
			for _, f := range audit.Formats() {
				for _, secret := range []string{"contact-456", strings.Repeat("e", 64), strings.Repeat("f", 64), clickID("second")} {
					if strings.Contains(write(t, res, f), secret) {
						t.Errorf("as %s it prints %q", f, secret)
					}
				}
			}
		})
	}
}
