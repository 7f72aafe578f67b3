package audit_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"

	"closeloop/audit"
	"closeloop/conversions"
)

// everything makes every report, of every row where it is about one, in every
// format.
func everything(t *testing.T, w *world) string {
	t.Helper()
	rows, err := w.s.List(t.Context(), conversions.Filter{})
	w.must(err)
	var b strings.Builder
	for _, rep := range audit.Reports() {
		subjects := []string{""}
		switch rep.Subject {
		case "ROW":
			subjects = nil
			for _, r := range rows {
				subjects = append(subjects, r.OrderID)
			}
		case "ID":
			subjects = []string{"1", "2"}
		}
		for _, subject := range subjects {
			q := w.query()
			q.Subject = subject
			res := report(t, w.s, rep.Group+" "+rep.Name, q)
			for _, f := range audit.Formats() {
				b.WriteString(write(t, res, f))
			}
		}
	}
	return b.String()
}

func TestNothingPrintedIsAWholeClickIDOrObeyedByATerminal(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	short := w.tag(acme, "short", "booked", 50_00, 0)
	short.Person = conversions.Person{
		Contact: "contact-456", EmailHash: strings.Repeat("e", 64), PhoneHash: strings.Repeat("f", 64),
		Clicks: []conversions.FoundClick{{Click: conversions.Click{Kind: conversions.WBRAID, ID: "CkAShortSample"}, Place: conversions.PlaceField}},
	}
	w.take(short)
	printed := everything(t, w)
	secrets := []string{"CkAShortSample", "contact-456", short.Person.EmailHash, short.Person.PhoneHash}
	rows, err := w.s.List(t.Context(), conversions.Filter{})
	w.must(err)
	for _, r := range rows {
		secrets = append(secrets, clickID(r.Key.Lead), string(r.Want.Click.Commitment))
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(printed, s) {
			t.Errorf("the reports print %q", s)
		}
	}
	for _, r := range printed {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("the reports print %U", r)
		}
	}
}

func TestEveryStateIsExplained(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	var lines []audit.Line
	w.must(json.Unmarshal([]byte(write(t, report(t, w.s, "audit list", w.query()), audit.FormatJSON)), &lines))
	seen := map[conversions.State]bool{}
	for _, l := range lines {
		seen[l.State] = true
		if !strings.HasSuffix(l.Why, ".") || strings.Contains(l.Why, "..") {
			t.Errorf("row %d, %s: why is %q, want whole sentences", l.ID, l.State, l.Why)
		}
	}
	for _, s := range conversions.States() {
		if !seen[s] {
			t.Errorf("no row is %s", s)
		}
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	elsewhere := w.query()
	elsewhere.Filter.Account = tokyo
	tests := map[string]struct {
		report, subject string
		query           audit.Query
	}{
		"no such row":          {"show", "4711", w.query()},
		"no such order id":     {"show", "clnothing", w.query()},
		"of another account":   {"show", "1", elsewhere},
		"no such quarantine":   {"quarantine", "4711", w.query()},
		"quarantine, no id":    {"quarantine", "first", w.query()},
		"a row without a sign": {"show", "", w.query()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rep := range audit.Reports() {
				if rep.Subject == "" || rep.Name != "show" || (tt.report == "quarantine") != (rep.Group == "quarantine") {
					continue
				}
				q := tt.query
				q.Subject = tt.subject
				if _, err := rep.Run(t.Context(), w.s, q); !errors.Is(err, conversions.ErrNotFound) {
					t.Errorf("%s %s %q: %v, want not found", rep.Group, rep.Name, tt.subject, err)
				}
			}
		})
	}
}

func TestUnknownFormat(t *testing.T) {
	t.Parallel()
	if err := audit.Write(&strings.Builder{}, audit.Result{}, "xml"); err == nil {
		t.Error("format xml is written, want an error")
	}
}

func TestQuarantineOfAnAccountWithoutEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.s.Quarantine(t.Context(), conversions.Quarantined{Account: acme, Source: "varda", Received: noon(), Reason: "bad_json"})
	w.must(err)
	got := write(t, report(t, w.s, "quarantine list", w.query()), audit.FormatTable)
	if !strings.Contains(got, "bad_json") {
		t.Errorf("the list does not show the only delivery:\n%s", got)
	}
	summary, ok := report(t, w.s, "audit summary", w.query()).Data.(audit.Summary)
	if !ok || summary.Quarantined != 1 {
		t.Errorf("the summary counts %d in quarantine, want 1", summary.Quarantined)
	}
}
