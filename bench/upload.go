package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/googleauth"
	"closeloop/scheduler"
	"closeloop/webhook/varda"
)

// steps are what a cycle's time goes into, for all rows of a round.
type steps struct {
	claim  spent // due rows, and the manifest that holds them
	call   spent // build, send, decode
	settle spent // answers into rows and ledger
	whole  spent
}

// spent is how long something took, and how long the processor worked for this
// process meanwhile: the collector too, and only what is not somebody else's.
type spent struct{ wall, cpu time.Duration }

func (s spent) minus(o spent) spent { return spent{s.wall - o.wall, s.cpu - o.cpu} }

// moment is when something began.
type moment struct {
	wall time.Time
	cpu  time.Duration
}

func begun() moment { return moment{time.Now(), processorTime()} }

// since adds what was spent since begin.
func since(begin moment, into *spent) {
	into.wall += time.Since(begin.wall)
	into.cpu += processorTime() - begin.cpu
}

// uploadRound is what one round measured.
type uploadRound struct {
	rows       int
	full, bare steps
}

// measureUpload uploads fresh rows in turns through the service and by its
// bare parts, these only with SQLite: pg is nil then.
func measureUpload(ctx context.Context, o options, pg *server) ([]uploadRound, error) {
	var to ready
	sink, err := start(ctx, "sink", struct{}{}, &to)
	if err != nil {
		return nil, err
	}
	defer sink.kill()
	if o.only == "upload" {
		stop, err := profile(o.profile)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	var rounds []uploadRound
	for range o.rounds {
		r, err := o.uploadRound(ctx, to, pg)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

func (o options) uploadRound(ctx context.Context, to ready, pg *server) (r uploadRound, err error) {
	r.rows = o.rows
	if err := r.throughService(ctx, o, to, pg); err != nil {
		return r, fmt.Errorf("through the service: %w", err)
	}
	if pg != nil {
		return r, nil
	}
	dir, err := os.MkdirTemp(o.dir, "closeloop-bench-")
	if err != nil {
		return r, fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if r.bare, err = bareUpload(ctx, filepath.Join(dir, "bare.db"), to.Address, o.rows); err != nil {
		return r, fmt.Errorf("by bare parts: %w", err)
	}
	return r, nil
}

// throughService stores outcomes, folds them, and times one run that sends
// them all.
func (r *uploadRound) throughService(ctx context.Context, o options, to ready, pg *server) (err error) {
	db, err := o.database(ctx, pg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	store, err := db.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	ended := time.Now().Add(-2 * time.Hour)
	if err := seed(ctx, store, ended, firstNumber, r.rows); err != nil {
		return err
	}
	client, err := dial(to)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	timed := &timedStore{Store: store, steps: &r.full}
	clock := &clock{}
	sched, err := newScheduler(timed, slog.New(slog.DiscardHandler), clock.now, &timedClient{client: client, steps: &r.full})
	if err != nil {
		return err
	}
	// Half an hour after the tag its row has not settled: this run only folds.
	clock.behind = 90 * time.Minute
	if _, err = runOnce(ctx, sched, 0); err != nil {
		return err
	}
	clock.behind, r.full = 0, steps{}
	r.full.whole, err = runOnce(ctx, sched, r.rows)
	return err
}

// runOnce times a run and checks what it sent.
func runOnce(ctx context.Context, s *scheduler.Scheduler, want int) (took spent, err error) {
	begin := begun()
	report, err := s.RunNow(ctx, account, false)
	since(begin, &took)
	if err != nil {
		return took, fmt.Errorf("run: %w", err)
	}
	if done := report.Answers[conversions.Done.String()]; report.Rows != want || done != want {
		return took, fmt.Errorf("run sent %d rows of which %d were accepted, not %d", report.Rows, done, want)
	}
	return took, nil
}

// clock runs behind the real one by a time that can be set.
type clock struct{ behind time.Duration }

func (c *clock) now() time.Time { return time.Now().Add(-c.behind) }

// appender is the part of a store that takes deliveries.
type appender interface {
	Append(ctx context.Context, e conversions.Event) (conversions.Receipt, error)
}

// seed stores outcomes of calls that ended at a time, numbered from first, as
// the webhook would.
func seed(ctx context.Context, store appender, ended time.Time, first, rows int) error {
	vendor, err := varda.New(varda.Config{Secrets: []string{secret}, Region: region})
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	t, in := newTemplate(outcomeTagged, ended), delivered{store, account, vendor}
	const callers = 128
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			body := append([]byte(nil), t.body...)
			for i := c; i < rows && errs[c] == nil; i += callers {
				t.write(body, first+i)
				errs[c] = in.append(ctx, body, ended)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// delivered stores what is delivered for an account.
type delivered struct {
	store   appender
	account conversions.AccountID
	vendor  *varda.Source
}

func (d delivered) append(ctx context.Context, body []byte, at time.Time) error {
	event, err := d.vendor.Read(http.Header{}, body)
	if err != nil {
		return err //nolint:wrapcheck // says what is wrong
	}
	sum := sha256.Sum256(body)
	event.Account, event.Source, event.Received, event.Body = d.account, "varda-"+string(d.account), at, [16]byte(sum[:16])
	event.Person.Contact, event.Person.PhoneHash = string(event.Lead), hex.EncodeToString(sum[:]) // somebody else each time
	_, err = d.store.Append(ctx, event)
	return err //nolint:wrapcheck // says what it was doing
}

func dial(to ready) (*googleads.Client, error) {
	tokens, err := googleauth.OpenTokens(googleauth.Credentials{
		ClientID: "bench", ClientSecret: "bench", RefreshToken: "bench", TokenURL: to.TokenURL,
	}, googleauth.ScopeGoogleAds)
	if err != nil {
		return nil, err //nolint:wrapcheck // says what is wrong
	}
	return googleads.Dial(googleads.Config{Endpoint: to.Address, Plaintext: true}, tokens) //nolint:wrapcheck // as above
}

// timedStore notes how long the steps in the database take. One run is one
// goroutine, so nothing is guarded.
type timedStore struct {
	scheduler.Store
	steps *steps
}

// Due implements scheduler.Queue.
func (s *timedStore) Due(ctx context.Context, a conversions.AccountID, c conversions.Claim) ([]conversions.Row, error) {
	defer since(begun(), &s.steps.claim)
	return s.Store.Due(ctx, a, c) //nolint:wrapcheck // passed through
}

// Begin implements scheduler.Queue.
func (s *timedStore) Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (conversions.Batch, error) {
	defer since(begun(), &s.steps.claim)
	return s.Store.Begin(ctx, l, b) //nolint:wrapcheck // passed through
}

// Settle implements scheduler.Queue.
func (s *timedStore) Settle(ctx context.Context, l conversions.Lease, set conversions.Settlement) error {
	defer since(begun(), &s.steps.settle)
	return s.Store.Settle(ctx, l, set) //nolint:wrapcheck // passed through
}

// timedClient notes how long calls take.
type timedClient struct {
	client *googleads.Client
	steps  *steps
}

// Upload implements scheduler.Destination.
func (c *timedClient) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	defer since(begun(), &c.steps.call)
	return c.client.Upload(ctx, b, validateOnly)
}
