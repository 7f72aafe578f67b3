package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"closeloop/conversions"
)

// Leads implements store.Folding. A page starts with a seek in the index of
// leads, so a walk through all pages reads the index once.
func (s *Store) Leads(ctx context.Context, a conversions.AccountID, q conversions.ReplayQuery) ([]conversions.LeadWork, error) {
	var work []conversions.LeadWork
	err := s.db.snapshot(ctx, func(t *tx) error {
		work = nil
		text, args := leadsQuery(a, q)
		t.query(into(&work, readLead), text, args...)
		if err := t.flush(ctx); err != nil {
			return err
		}
		return gather(ctx, t, a, work)
	})
	if err != nil {
		return nil, fmt.Errorf("read leads of %s: %w", a, err)
	}
	return work, nil
}

// leadsQuery selects the leads that follow the query's last.
func leadsQuery(a conversions.AccountID, q conversions.ReplayQuery) (text string, args []any) {
	w := &where{}
	w.add(`account = ? AND lead <> ''`, quoted(a))
	if q.Lead != "" {
		w.add(`lead = ?`, quoted(q.Lead))
	}
	switch {
	case q.Source == "":
		w.add(`(source, lead) > (?, ?)`, quoted(q.AfterSource), quoted(q.AfterLead))
	case quoted(q.Source) < quoted(q.AfterSource):
		w.add(`false`) // all of the source's leads came before
	case q.Source == q.AfterSource:
		w.add(`source = ? AND lead > ?`, quoted(q.Source), quoted(q.AfterLead))
	default:
		w.add(`source = ?`, quoted(q.Source))
	}
	text = `SELECT source, lead FROM event` + w.String() + ` GROUP BY source, lead` + w.window(q) + ` ORDER BY source, lead`
	return text + ` LIMIT ` + w.arg(q.Limit), w.args
}

// window keeps the leads with an event received within the query's bounds.
func (w *where) window(q conversions.ReplayQuery) string {
	switch {
	case q.From.IsZero() && q.To.IsZero():
		return ""
	case q.To.IsZero():
		return ` HAVING bool_or(received >= ` + w.arg(micros(q.From)) + `)`
	case q.From.IsZero():
		return ` HAVING bool_or(received < ` + w.arg(micros(q.To)) + `)`
	default:
		return ` HAVING bool_or(received >= ` + w.arg(micros(q.From)) + ` AND received < ` + w.arg(micros(q.To)) + `)`
	}
}

func readLead(rows pgx.Rows) (conversions.LeadWork, error) {
	var source, lead string
	err := scan(rows, &source, &lead)
	return conversions.LeadWork{Source: unquoted[string](source), Lead: unquoted[conversions.LeadID](lead)}, err
}
