package sqlite_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// told is what those who delivered one body were told.
type told struct {
	fresh int // receipts that say it is new
	seqs  map[int64]bool
}

// TestAGroupTellsWhatIsNew: deliveries that share a commit get each the receipt
// of its own first copy, whether that is new, older, in quarantine or comes
// twice in the group. Numbers of the quarantine and of events are alike here.
func TestAGroupTellsWhatIsNew(t *testing.T) {
	t.Parallel()
	const old, bad, all = 20, 60, 200 // events below old are stored, those up to bad in quarantine
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	deliver := func(i int) (conversions.Receipt, error) {
		e := event(i)
		if i >= old && i < bad {
			return s.Quarantine(t.Context(), conversions.Quarantined{Account: e.Account, Source: e.Source, Body: e.Body, Received: e.Received})
		}
		return s.Append(t.Context(), e)
	}
	for i := range bad {
		if r, err := deliver(i); err != nil || r.Duplicate {
			t.Fatalf("delivery %d: %v, %v", i, r, err)
		}
	}
	answers := together(t, path, 2*all, func(i int) (int, conversions.Receipt, error) {
		r, err := s.Append(t.Context(), event(i%all))
		return i % all, r, err
	})
	for i, a := range answers {
		want := 1
		if i < bad {
			want = 0
		}
		if a.fresh != want || len(a.seqs) != 1 {
			t.Errorf("body %d was called new %d times, want %d, and has numbers %v, want one", i, a.fresh, want, a.seqs)
		}
	}
	checkNumbers(t, path, answers, bad)
	if got, want := stored(t, s), all-(bad-old); got != want {
		t.Errorf("stored %d events, want %d", got, want)
	}
}

// together runs deliveries so that they share a few commits.
func together(t *testing.T, path string, n int, deliver func(int) (int, conversions.Receipt, error)) map[int]told {
	t.Helper()
	release := holdLock(t, path)
	var wg, started sync.WaitGroup
	var mu sync.Mutex
	answers := map[int]told{}
	started.Add(n)
	for i := range n {
		wg.Go(func() {
			started.Done()
			body, r, err := deliver(i)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			a := answers[body]
			if a.seqs == nil {
				a.seqs = map[int64]bool{}
			}
			if a.seqs[r.Seq] = true; !r.Duplicate {
				a.fresh++
			}
			answers[body] = a
		})
	}
	started.Wait()
	release()
	wg.Wait()
	return answers
}

// TestAGroupGoesOnWithoutAnEventThatCannotBeWritten: a trigger stands for
// whatever a statement may stumble over in one row of many.
func TestAGroupGoesOnWithoutAnEventThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const all = 80
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	_, err := raw(t, path).ExecContext(t.Context(), `CREATE TRIGGER refuse BEFORE INSERT ON event WHEN new.lead LIKE 'bad%'
		BEGIN SELECT raise(ABORT, 'bad'); END`)
	if err != nil {
		t.Fatal(err)
	}
	answers := together(t, path, all, func(i int) (int, conversions.Receipt, error) {
		e := event(i)
		if i%2 == 1 {
			e.Lead = conversions.LeadID(fmt.Sprintf("bad_%d", i))
			if r, err := s.Append(t.Context(), e); err == nil {
				t.Errorf("event %d, which cannot be written, has receipt %v", i, r)
			}
			return 0, conversions.Receipt{Duplicate: true}, nil
		}
		r, err := s.Append(t.Context(), e)
		return i, r, err
	})
	delete(answers[0].seqs, 0)
	checkNumbers(t, path, answers, 0)
	if got := stored(t, s); len(answers) != all/2 || got != all/2 {
		t.Errorf("%d events have a receipt and %d are stored, want %d", len(answers), got, all/2)
	}
}

// TestRefusesTheNameless: what belongs to nobody is not stored, although the
// writing connection does not look at the CHECKs that say so.
func TestRefusesTheNameless(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "a.db"), sqlite.Options{})
	for name, change := range map[string]func(*conversions.Event){
		"no account": func(e *conversions.Event) { e.Account = "" },
		"no source":  func(e *conversions.Event) { e.Source = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := event(1)
			change(&e)
			if r, err := s.Append(t.Context(), e); err == nil {
				t.Errorf("Append gave %v, want an error", r)
			}
			q := conversions.Quarantined{Account: e.Account, Source: e.Source, Body: e.Body, Received: e.Received}
			if r, err := s.Quarantine(t.Context(), q); err == nil {
				t.Errorf("Quarantine gave %v, want an error", r)
			}
		})
	}
}

// checkNumbers compares the numbers that new events were given with those they
// stand under, with notice and side row.
func checkNumbers(t *testing.T, path string, answers map[int]told, from int) {
	t.Helper()
	db := raw(t, path)
	for i, a := range answers {
		if i < from {
			continue
		}
		want := event(i)
		for seq := range a.seqs {
			var n int
			err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM event AS e JOIN inbox AS n ON n.notice = 2 * e.seq AND n.lead = e.lead
				JOIN identity AS i ON i.seq = e.seq WHERE e.seq = ? AND e.body = ? AND e.lead = ?`, seq, want.Body[:], string(want.Lead)).Scan(&n)
			if err != nil || n != 1 {
				t.Errorf("event %d of body %d: found %d, %v; want 1", seq, i, n, err)
			}
		}
	}
}

// TestADuplicateIsNotTakenForNew: SQLite's last number is that of another
// table, or one that the next event would get.
func TestADuplicateIsNotTakenForNew(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "a.db"), sqlite.Options{})
	quarantine := func(s *sqlite.Store) {
		t.Helper()
		e := event(0)
		r, err := s.Quarantine(t.Context(), conversions.Quarantined{Account: e.Account, Source: e.Source, Body: e.Body, Received: e.Received})
		if err != nil || r.Duplicate || r.Seq != 1 {
			t.Fatalf("got %v, %v; want number 1", r, err)
		}
	}
	for _, want := range []conversions.Receipt{{Seq: 1}, {Seq: 2}, {Seq: 2, Duplicate: true}} {
		if want.Duplicate {
			quarantine(s)
		}
		if got, err := s.Append(t.Context(), event(int(want.Seq))); err != nil || got != want {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	for range 12 { // in some the body that stands in quarantine comes first
		path := filepath.Join(t.TempDir(), "b.db")
		s := open(t, path, sqlite.Options{})
		quarantine(s)
		answers := together(t, path, 16, func(i int) (int, conversions.Receipt, error) {
			r, err := s.Append(t.Context(), event(i%4/3*(i+1)))
			return i % 4 / 3 * (i + 1), r, err
		})
		if a := answers[0]; a.fresh != 0 || len(a.seqs) != 1 || !a.seqs[1] {
			t.Errorf("what stands in quarantine was called new %d times, with numbers %v; want 0, with 1", a.fresh, a.seqs)
		}
	}
}
