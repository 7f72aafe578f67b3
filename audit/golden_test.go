package audit_test

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/audit"
	"closeloop/conversions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// report makes the report of that name, "audit list".
func report(t *testing.T, r audit.Reader, name string, q audit.Query) audit.Result {
	t.Helper()
	for _, rep := range audit.Reports() {
		if rep.Group+" "+rep.Name != name {
			continue
		}
		res, err := rep.Run(t.Context(), r, q)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return res
	}
	t.Fatalf("there is no report %q", name)
	return audit.Result{}
}

func write(t *testing.T, res audit.Result, f audit.Format) string {
	t.Helper()
	var b strings.Builder
	if err := audit.Write(&b, res, f); err != nil {
		t.Fatalf("write %s: %v", f, err)
	}
	return b.String()
}

// golden compares a report in every format with its files.
func golden(t *testing.T, name string, res audit.Result) {
	t.Helper()
	for _, f := range audit.Formats() {
		path := filepath.Join("testdata", name+"."+map[audit.Format]string{"table": "txt"}[f]+strings.TrimPrefix(string(f), "table"))
		got := write(t, res, f)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: -want +got (go test -update writes it anew)\n%s", path, diff)
		}
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	tests := []struct {
		file, report, subject string
		filter                conversions.Filter
		bare                  bool // without a configuration
	}{
		{file: "list", report: "audit list"},
		{file: "list-bare", report: "audit list", bare: true, filter: conversions.Filter{Limit: 3}},
		{file: "list-refused", report: "audit list", filter: conversions.Filter{Account: acme, State: conversions.StateRefused}},
		{file: "list-click", report: "audit list", filter: conversions.Filter{ClickID: clickID("done")}},
		{file: "list-none", report: "audit list", filter: conversions.Filter{Lead: "nobody"}},
		{file: "expiring", report: "audit expiring"},
		{file: "expiring-none", report: "audit expiring", filter: conversions.Filter{Account: trial}},
		{file: "expiring-queued", report: "audit expiring", filter: conversions.Filter{State: conversions.StateQueued, Limit: 1}},
		{file: "summary", report: "audit summary"},
		{file: "summary-trial", report: "audit summary", filter: conversions.Filter{Account: trial}},
		{file: "quarantine-list", report: "quarantine list"},
		{file: "quarantine-list-none", report: "quarantine list", filter: conversions.Filter{Account: trial}},
		{file: "quarantine-show", report: "quarantine show", subject: "1"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			q := w.query()
			if tt.bare {
				q = audit.Query{Now: q.Now}
			}
			q.Filter, q.Subject = tt.filter, tt.subject
			golden(t, tt.file, report(t, w.s, tt.report, q))
		})
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	tests := map[string]struct {
		account conversions.AccountID
		lead    conversions.LeadID
	}{
		"show-done":            {acme, "done"},
		"show-from-the-call":   {acme, "from-the-call"},
		"show-refused":         {acme, "refused"},
		"show-foreign":         {acme, "foreign"},
		"show-retract":         {acme, "retract"},
		"show-restate":         {acme, "restate"},
		"show-story":           {acme, "story"},
		"show-gone-again":      {acme, "gone-again"},
		"show-google-waits":    {acme, "google-waits"},
		"show-moved":           {acme, "moved"},
		"show-others":          {acme, "taken-by-others"},
		"show-wbraid":          {acme, "wbraid"},
		"show-unknown-there":   {acme, "unknown-there"},
		"show-held":            {acme, "held"},
		"show-approved":        {acme, "approved"},
		"show-given-up":        {acme, "given-up"},
		"show-retried":         {acme, "retried"},
		"show-put-back":        {acme, "put-back"},
		"show-click-set":       {acme, "click-set"},
		"show-abandoned":       {acme, "abandoned"},
		"show-sending":         {acme, "sending"},
		"show-after-an-answer": {acme, "after-an-answer"},
		"show-expired":         {acme, "expired"},
		"show-waiting":         {acme, "waiting"},
		"show-escape":          {acme, escape},
		"show-tested":          {trial, "tested"},
		"show-paused":          {tokyo, "paused-account"},
		"show-orphan":          {gone, "orphan-done"},
		"show-submitted":       {nova, "p-submitted"},
		"show-restating":       {nova, "p-restating"},
		"show-isolated":        {nova, "p-isolated"},
		"show-unclear":         {nova, "p-unclear"},
		"show-silent":          {nova, "p-silent"},
		"show-named":           {nova, "p-named"},
		"show-zeroed":          {nova, "p-zeroed"},
		"show-to-be-zeroed":    {nova, "p-to-be-zeroed"},
		"show-value-kept":      {nova, "p-kept"},
		"show-may-be-there":    {nova, "p-gone"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row := w.row(tt.account, tt.lead)
			q := w.query()
			q.Subject = strconv.FormatInt(int64(row.ID), 10)
			byID := report(t, w.s, "audit show", q)
			golden(t, name, byID)
			q.Subject = row.OrderID
			byOrder := report(t, w.s, "audit show", q)
			if diff := cmp.Diff(write(t, byID, audit.FormatJSON), write(t, byOrder, audit.FormatJSON)); diff != "" {
				t.Errorf("by order id it is another report: -by id +by order id\n%s", diff)
			}
		})
	}
}

func TestEmptyStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"audit list", "audit summary", "quarantine list"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden(t, "empty-"+strings.ReplaceAll(name, " ", "-"), report(t, w.s, name, w.query()))
		})
	}
}
