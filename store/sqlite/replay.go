package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"closeloop/conversions"
)

// Leads implements store.Folding. A page starts with a seek in the index of
// leads, so a walk through all pages reads the index once.
func (s *Store) Leads(ctx context.Context, a conversions.AccountID, q conversions.ReplayQuery) ([]conversions.LeadWork, error) {
	var work []conversions.LeadWork
	err := s.snapshot(ctx, func(query queryer) (err error) {
		w := leadsAfter(a, q)
		work, err = collect(ctx, query, readLead, `SELECT source, lead FROM event`+w.String()+
			` GROUP BY source, lead`+window(w, q)+` ORDER BY source, lead LIMIT ?`, append(w.args, q.Limit)...)
		if err != nil {
			return err
		}
		return gather(ctx, query, a, work)
	})
	if err != nil {
		return nil, fmt.Errorf("read leads of %s: %w", a, err)
	}
	return work, nil
}

// leadsAfter selects the events of the leads that follow the query's last. A
// single source is compared by lead alone: beside an equal source, SQLite
// would not seek by the pair.
func leadsAfter(a conversions.AccountID, q conversions.ReplayQuery) *where {
	w := &where{}
	w.add(`account = ?`, string(a))
	if q.Lead != "" {
		w.add(`lead = ?`, string(q.Lead))
	}
	switch {
	case q.Source == "":
		w.add(`(source, lead) > (?, ?)`, q.AfterSource, string(q.AfterLead))
		w.add(`lead <> ''`)
	case q.Source < q.AfterSource:
		w.add(`0`) // all of the source's leads came before
	case q.Source == q.AfterSource:
		w.add(`source = ? AND lead > ?`, q.Source, string(q.AfterLead))
	default:
		w.add(`source = ? AND lead > ''`, q.Source)
	}
	return w
}

// window keeps the leads with an event received within the query's bounds.
func window(w *where, q conversions.ReplayQuery) string {
	if q.From.IsZero() && q.To.IsZero() {
		return ""
	}
	within := &where{}
	if !q.From.IsZero() {
		within.add(`received >= ?`, micros(q.From))
	}
	if !q.To.IsZero() {
		within.add(`received < ?`, micros(q.To))
	}
	w.args = append(w.args, within.args...)
	return ` HAVING max(` + within.all() + `)`
}

func readLead(rows *sql.Rows) (conversions.LeadWork, error) {
	var w conversions.LeadWork
	if err := rows.Scan(&w.Source, &w.Lead); err != nil {
		return w, fmt.Errorf("scan lead: %w", err)
	}
	return w, nil
}
