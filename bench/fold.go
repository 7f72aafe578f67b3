package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/webhook/varda"
)

// foldTurns is in how many parts events come: what came is folded after each,
// so a lead of several events is folded several times, as in its life.
const foldTurns = 10

// foldRound is what one round measured.
type foldRound struct {
	events int   // that came once
	store  spent // folding in the store
	pure   spent // conversions.Fold alone
	folds  int   // of leads
}

// measureFold folds events in turns in a store and without one. pg is nil for
// SQLite.
func measureFold(ctx context.Context, o options, pg *server) ([]foldRound, error) {
	parts, err := lives(o.events, time.Now().Add(-2*time.Hour))
	if err != nil {
		return nil, err
	}
	var rounds []foldRound
	for range o.rounds {
		r := foldRound{events: o.events}
		r.pure, r.folds = foldAlone(parts)
		if r.store, err = o.foldInStore(ctx, pg, parts); err != nil {
			return nil, fmt.Errorf("in the store: %w", err)
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// lives are the events of leads that have one to five each, in random order,
// every tenth once more, in parts.
func lives(n int, ended time.Time) ([][]conversions.Event, error) {
	vendor, err := varda.New(varda.Config{Secrets: []string{secret}, Region: region})
	if err != nil {
		return nil, err //nolint:wrapcheck // says what is wrong
	}
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same leads each time
	var all []conversions.Event
	for lead := 0; len(all) < n; lead++ {
		for step := range min(1+random.IntN(5), n-len(all)) {
			e, err := lifeEvent(vendor, lead, step, ended)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
	}
	all = append(all, all[:n/10]...)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	parts := make([][]conversions.Event, foldTurns)
	for i := range parts {
		parts[i] = all[len(all)*i/foldTurns : len(all)*(i+1)/foldTurns]
	}
	return parts, nil
}

// lifeEvent is one event in a lead's life: its first tag, the call that it is
// about, and later tags with other values, one of which takes it back.
func lifeEvent(vendor *varda.Source, lead, step int, ended time.Time) (conversions.Event, error) {
	kind, outcome := outcomeTagged, []string{"quoted", "", "booked", "not_booked", "booked"}[step]
	if outcome == "" {
		kind = callEnded
	}
	t := newTemplate(kind, ended.Add(time.Duration(step)*time.Minute))
	t.write(t.body, firstNumber+lead)
	body := bytes.Replace(t.body, []byte(`"outcome_type":"booked"`), []byte(`"outcome_type":"`+outcome+`"`), 1)
	body = bytes.Replace(body, []byte(`"revenue_cents":250000`), fmt.Appendf(nil, `"revenue_cents":%d`, 250000+step), 1)
	e, err := vendor.Read(http.Header{}, body)
	if err != nil {
		return e, err //nolint:wrapcheck // says what is wrong
	}
	sum := sha256.Sum256(body)
	e.Account, e.Source, e.Received, e.Body = account, source, ended, [16]byte(sum[:16])
	e.Person.Contact, e.Person.PhoneHash = string(e.Lead), hex.EncodeToString(sum[:])
	return e, nil
}

// foldAlone folds what came of every lead that something came of, part by
// part.
func foldAlone(parts [][]conversions.Event) (took spent, folds int) {
	r, leads := rules(), map[conversions.LeadID][]conversions.Event{}
	known := map[[16]byte]bool{}
	for _, part := range parts {
		touched := map[conversions.LeadID]bool{}
		for _, e := range part {
			if !known[e.Body] {
				known[e.Body], touched[e.Lead] = true, true
				leads[e.Lead] = append(leads[e.Lead], e)
			}
		}
		begin := begun()
		for lead := range touched {
			conversions.Fold(leads[lead], r, gclid.Belonging)
		}
		since(begin, &took)
		folds += len(touched)
	}
	return took, folds
}

// foldInStore stores part by part and times the folding behind each.
func (o options) foldInStore(ctx context.Context, pg *server, parts [][]conversions.Event) (took spent, err error) {
	db, err := o.database(ctx, pg)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	s, err := db.open(ctx)
	if err != nil {
		return took, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	clock := &clock{behind: 90 * time.Minute} // nothing has settled: runs only fold
	sched, err := newScheduler(s, slog.New(slog.DiscardHandler), clock.now, never{})
	if err != nil {
		return took, err
	}
	for _, part := range parts {
		if err := appendAll(ctx, s, part); err != nil {
			return took, err
		}
		one, err := runOnce(ctx, sched, 0)
		if err != nil {
			return took, err
		}
		took.wall, took.cpu = took.wall+one.wall, took.cpu+one.cpu
	}
	left, err := s.Unfolded(ctx, account, 1)
	if err == nil && len(left) > 0 {
		err = errors.New("not all was folded")
	}
	return took, err
}

// appendAll stores events from many callers.
func appendAll(ctx context.Context, s appender, events []conversions.Event) error {
	const callers = 128
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := c; i < len(events) && errs[c] == nil; i += callers {
				_, errs[c] = s.Append(ctx, events[i])
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func foldTable(kind string, rounds []foldRound) string {
	var b strings.Builder
	folds := rounds[0].folds
	fmt.Fprintf(&b, `## Folding

%d events, of leads that have one to five each: tags, the call, other values, one taken back; in random order and every tenth once
more. They come in %d parts, and what came is folded after each: a lead %d times in all. *Closeloop* reads the lead whole from %s, folds
it, compares it with its rows, and writes entries, rows, sums and due times. *Fold alone* is conversions.Fold on the same leads as
often, in memory. Each is the time of folding only, for an event that came once.

| | events/s | µs each | µs of CPU each |
|---|--:|--:|--:|
`, rounds[0].events, foldTurns, folds, nameOf(kind))
	line := func(name string, of func(foldRound) spent) {
		events := float64(rounds[0].events)
		rate := medianOf(rounds, func(r foldRound) float64 { return events / of(r).wall.Seconds() })
		fmt.Fprintf(&b, "| %s | %.0f | %.1f | %.1f |\n", name, rate, 1e6/rate,
			medianOf(rounds, func(r foldRound) float64 { return float64(of(r).cpu.Nanoseconds()) / 1000 / events }))
	}
	line("closeloop", func(r foldRound) spent { return r.store })
	line("fold alone", func(r foldRound) spent { return r.pure })
	ratio := medianOf(rounds, func(r foldRound) float64 { return r.pure.wall.Seconds() / r.store.wall.Seconds() })
	fmt.Fprintf(&b, "| ratio | **%.3f** | | |\n\n", ratio)
	return b.String()
}
