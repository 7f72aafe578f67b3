package main

import (
	"context"
	"fmt"
	"slices"

	"closeloop/conversions"
)

// course is what the ledger tells of each row, in order. It shows whether
// somebody wrote who had lost the lease, also where all came right in the end.
type course map[conversions.RowID][]conversions.Entry

func (c course) add(e conversions.Entry) { c[e.Row] = append(c[e.Row], e) }

// checkCourse: every decision follows the one before it, no row stood in two
// requests at once, and an answer is that to the last attempt.
func (w *inspection) checkCourse(ctx context.Context, a *account, told course) error {
	batches := map[conversions.BatchID]conversions.BatchRecord{}
	for id, entries := range told {
		if err := w.readBatches(ctx, a, id, entries, batches); err != nil {
			return err
		}
		for _, wrong := range unguarded(entries, batches) {
			w.violate("row %d of %s was written without the lease: %s", id, a.name, wrong)
		}
	}
	return nil
}

// readBatches reads those that a row's entries name, if they were not read yet.
func (w *inspection) readBatches(ctx context.Context, a *account, id conversions.RowID, entries []conversions.Entry,
	batches map[conversions.BatchID]conversions.BatchRecord,
) error {
	unread := func(e conversions.Entry) bool {
		_, read := batches[e.Batch]
		return e.Batch != "" && !read
	}
	if !slices.ContainsFunc(entries, unread) {
		return nil
	}
	h, err := w.s.History(ctx, a.id(), id)
	if err != nil {
		return fmt.Errorf("read history: %w", err)
	}
	for _, b := range h.Batches {
		batches[b.ID] = b
	}
	return nil
}

// unguarded says what in a row's entries cannot be if each was written by
// whoever had the account's lease.
func unguarded(entries []conversions.Entry, batches map[conversions.BatchID]conversions.BatchRecord) []string {
	var wrong []string
	var version int64
	var named []conversions.BatchRecord
	for _, e := range entries {
		if e.Kind == conversions.EntryDecided {
			if e.Version != version+1 {
				wrong = append(wrong, fmt.Sprintf("version %d was decided after %d", e.Version, version))
			}
			version = e.Version
		}
		b, ok := batches[e.Batch]
		if !ok {
			continue
		}
		if e.Kind == conversions.EntryAnswered && e.Resent != (b.Attempts > 1) {
			wrong = append(wrong, fmt.Sprintf("batch %s was sent %d times, the answer is to another attempt", b.ID, b.Attempts))
		}
		if !slices.ContainsFunc(named, func(o conversions.BatchRecord) bool { return o.ID == b.ID }) {
			named = append(named, b)
		}
	}
	return append(wrong, overlapping(named)...)
}

// overlapping says which of a row's batches began before another was answered.
func overlapping(all []conversions.BatchRecord) []string {
	slices.SortFunc(all, func(a, b conversions.BatchRecord) int { return a.Created.Compare(b.Created) })
	var wrong []string
	for i := 1; i < len(all); i++ {
		if before := all[i-1]; all[i].Created.Before(before.Settled) {
			wrong = append(wrong, fmt.Sprintf("batch %s began before batch %s was answered", all[i].ID, before.ID))
		}
	}
	return wrong
}
