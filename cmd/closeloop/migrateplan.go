package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/store"
)

// migration is a move of an account to the other API: what it means for what
// is there, and the one line that changes. Nothing in the database does: a row
// remembers where it was sent.
type migration struct {
	Account conversions.AccountID `json:"account"`
	From    conversions.API       `json:"from"`
	To      conversions.API       `json:"to"`
	File    string                `json:"file"`
	Line    int                   `json:"line"`
	Before  string                `json:"before"`
	After   string                `json:"after"`
	// Known are the outcomes that stay with the API they were sent through, by
	// API.
	Known map[conversions.API]knownThere `json:"known"`
	// Unanswered is what was sent and is not decided yet, by API.
	Unanswered map[conversions.API]unanswered `json:"unanswered"`
	// Queued outcomes go through To; WaitingForClick may follow them.
	Queued          int `json:"queued"`
	WaitingForClick int `json:"waiting_for_click_id"`
	// Paused says what is paused, and how to end it: a pause outlasts the move.
	Paused []string `json:"paused,omitempty"`
	// Settings are those whose default is another.
	Settings []changedSetting `json:"settings"`
	// Credentials says what Google says of them for To, CredentialsFit whether
	// they may be used; both are absent when Google was not asked.
	Credentials    string `json:"credentials,omitempty"`
	CredentialsFit *bool  `json:"credentials_fit,omitempty"`
	// Warnings are those that the new configuration brings.
	Warnings []string `json:"warnings,omitempty"`
	// DryRun is true when nothing was changed.
	DryRun bool `json:"dry_run"`

	hint string
}

// knownThere are outcomes that an API holds or may hold.
type knownThere struct {
	Outcomes int `json:"outcomes"`
	// Worth is their sum as far as it is known, Due how many of them are to be
	// corrected now.
	Worth    string `json:"worth"`
	Currency string `json:"currency"`
	Due      int    `json:"corrections_due"`

	cents conversions.Cents
}

// unanswered are requests, and the outcomes in them, that an API has not
// answered, or processes.
type unanswered struct {
	Requests   int `json:"requests"`
	Outcomes   int `json:"outcomes"`
	Processing int `json:"outcomes_processing"`
}

// changedSetting is a setting whose default depends on the API.
type changedSetting struct {
	Setting string `json:"setting"`
	Was     string `json:"was"`
	Becomes string `json:"becomes"`
}

// count reads what the store holds of the account. A database that is not there
// yet holds nothing.
func (m *migration) count(ctx context.Context, database config.Database, currency string) error {
	m.Known, m.Unanswered = map[conversions.API]knownThere{}, map[conversions.API]unanswered{}
	if _, err := os.Stat(database.SQLite); database.SQLite != "" && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := openStore(ctx, database, false)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	batches, err := s.Unanswered(ctx, m.Account)
	if err != nil {
		return fmt.Errorf("read requests without an answer: %w", err)
	}
	for _, b := range batches {
		u := m.Unanswered[b.Target.API]
		u.Requests, u.Outcomes = u.Requests+1, u.Outcomes+len(b.Items)
		m.Unanswered[b.Target.API] = u
	}
	paused, err := s.Pauses(ctx, m.Account)
	if err != nil {
		return fmt.Errorf("read pauses: %w", err)
	}
	for _, p := range paused {
		m.Paused = append(m.Paused, fmt.Sprintf("%s, also after the move: %s To send again at once: %s",
			target(m.Account, p.Action), strings.TrimSpace(p.Answer.Sentence), resumeLine(m.Account, p.Action)))
	}
	if err := m.countRows(ctx, s); err != nil {
		return err
	}
	for api, k := range m.Known {
		k.Worth, k.Currency = k.cents.String(), currency
		m.Known[api] = k
	}
	return nil
}

// countRows goes through the account's rows a page at a time.
func (m *migration) countRows(ctx context.Context, s store.Store) error {
	const page = 2000
	f := conversions.Filter{Account: m.Account, Limit: page}
	for {
		rows, err := s.List(ctx, f)
		if err != nil {
			return fmt.Errorf("list outcomes: %w", err)
		}
		for _, r := range rows {
			m.countRow(r)
		}
		if len(rows) < page {
			return nil
		}
		f.After = &rows[page-1]
	}
}

func (m *migration) countRow(r conversions.Row) {
	switch {
	case r.State == conversions.StateSending: // counted with its request
	case r.Pending != nil:
		u := m.Unanswered[r.Pending.Target.API]
		u.Processing++
		m.Unanswered[r.Pending.Target.API] = u
	case r.Known.Status == conversions.KnownThere, r.Known.Status == conversions.KnownThereValue,
		r.Known.Status == conversions.KnownUnanswered:
		k := m.Known[r.Known.Target.API]
		k.Outcomes++
		if r.Known.Status == conversions.KnownThere {
			k.cents += r.Known.Value.Cents
		}
		if r.Next() != conversions.OpNone {
			k.Due++
		}
		m.Known[r.Known.Target.API] = k
	case r.Next() == conversions.OpUpload:
		m.Queued++
	case r.State == conversions.StateWaiting:
		m.WaitingForClick++
	}
}

// print tells the plan to a person.
func (m *migration) print(a *app) error {
	fmt.Fprintf(a.stdout, "Account %s: %s -> %s\n\n", m.Account, m.From, m.To)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, api := range []conversions.API{m.From, m.To} {
		if k := m.Known[api]; k.Outcomes > 0 {
			fmt.Fprintf(w, "known at %s\t%d outcomes worth %s %s: they stay there, and corrections of them go there; %d due now\n",
				api, k.Outcomes, k.Worth, k.Currency, k.Due)
		}
		if u := m.Unanswered[api]; u != (unanswered{}) {
			fmt.Fprintf(w, "under way at %s\t%d requests of %d outcomes without an answer, %d outcomes under processing: they are finished there\n",
				api, u.Requests, u.Outcomes, u.Processing)
		}
	}
	fmt.Fprintf(w, "queued\t%d outcomes: they go through %s; %d more wait for a click id\n", m.Queued, m.To, m.WaitingForClick)
	for _, p := range m.Paused {
		fmt.Fprintf(w, "paused\t%s\n", p)
	}
	for _, s := range m.Settings {
		fmt.Fprintf(w, "%s\t%s -> %s, the default of %s\n", s.Setting, s.Was, s.Becomes, m.To)
	}
	fmt.Fprintf(w, "withdrawals\t%s\n", withdrawalsBy(m.To))
	if m.To == conversions.APIGoogleAds {
		fmt.Fprintf(w, "uploads\tGoogle refuses them to whoever had made none through %s before 15 June 2026; closeloop run --dry-run tells\n", m.To)
	}
	if m.Credentials != "" {
		fmt.Fprintf(w, "credentials\t%s\n", m.Credentials)
	}
	fmt.Fprintf(w, "%s:%d\t%s -> %s\n", m.File, m.Line, m.Before, m.After)
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print plan: %w", err)
	}
	for _, warning := range m.Warnings {
		fmt.Fprintln(a.stdout, "warning: "+warning)
	}
	fmt.Fprintln(a.stdout, "\n"+m.end())
	return nil
}

// withdrawalsBy says what taking an outcome back means.
func withdrawalsBy(api conversions.API) string {
	if api == conversions.APIDataManager {
		return "of what goes through it from now on: the value becomes 0 and Google keeps counting it, for nothing can be retracted there"
	}
	return "of what goes through it from now on: the conversion is retracted"
}

// short is a length of time without needless parts.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func (m *migration) end() string {
	if m.DryRun {
		return "Nothing was changed (--dry-run)."
	}
	return m.File + " is changed. Restart closeloop serve: until then it goes on as before. Nothing is sent twice: every outcome remembers where it was sent."
}
