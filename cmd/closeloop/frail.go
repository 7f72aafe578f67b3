//go:build failpoints

package main

import (
	"context"
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
	"closeloop/store"
)

// frailStore is a store with points around every write.
type frailStore struct{ store.Store }

func (*app) frailStore(s store.Store) store.Store { return frailStore{s} }

func (s frailStore) Append(ctx context.Context, e conversions.Event) (r conversions.Receipt, err error) {
	step("append", func() { r, err = s.Store.Append(ctx, e) })
	return r, err
}

func (s frailStore) Quarantine(ctx context.Context, q conversions.Quarantined) (r conversions.Receipt, err error) {
	step("quarantine", func() { r, err = s.Store.Quarantine(ctx, q) })
	return r, err
}

func (s frailStore) Acquire(ctx context.Context, a conversions.AccountID, holder string, now time.Time) (l conversions.Lease, err error) {
	step("acquire", func() { l, err = s.Store.Acquire(ctx, a, holder, now) })
	return l, err
}

func (s frailStore) Renew(ctx context.Context, l conversions.Lease, now time.Time) (out conversions.Lease, err error) {
	step("renew", func() { out, err = s.Store.Renew(ctx, l, now) })
	return out, err
}

func (s frailStore) Release(ctx context.Context, l conversions.Lease) (err error) {
	step("release", func() { err = s.Store.Release(ctx, l) })
	return err
}

func (s frailStore) Advance(ctx context.Context, old, next conversions.Plan) (won bool, err error) {
	step("advance", func() { won, err = s.Store.Advance(ctx, old, next) })
	return won, err
}

func (s frailStore) Decide(ctx context.Context, l conversions.Lease, ds []conversions.Decision) (err error) {
	step("decide", func() { err = s.Store.Decide(ctx, l, ds) })
	return err
}

func (s frailStore) Refold(ctx context.Context, l conversions.Lease, fingerprint string) (n int, err error) {
	step("refold", func() { n, err = s.Store.Refold(ctx, l, fingerprint) })
	return n, err
}

func (s frailStore) SaveFacts(ctx context.Context, l conversions.Lease, f conversions.Facts) (err error) {
	step("save_facts", func() { err = s.Store.SaveFacts(ctx, l, f) })
	return err
}

func (s frailStore) Begin(ctx context.Context, l conversions.Lease, b conversions.Batch) (out conversions.Batch, err error) {
	step("begin", func() { out, err = s.Store.Begin(ctx, l, b) })
	return out, err
}

func (s frailStore) Again(ctx context.Context, l conversions.Lease, id conversions.BatchID, now time.Time) (out conversions.Batch, err error) {
	step("again", func() { out, err = s.Store.Again(ctx, l, id, now) })
	return out, err
}

func (s frailStore) Settle(ctx context.Context, l conversions.Lease, t conversions.Settlement) (err error) {
	step("settle", func() { err = s.Store.Settle(ctx, l, t) })
	return err
}

func (s frailStore) Polled(ctx context.Context, l conversions.Lease, p conversions.Polled) (err error) {
	step("polled", func() { err = s.Store.Polled(ctx, l, p) })
	return err
}

func (s frailStore) Record(ctx context.Context, l conversions.Lease, es []conversions.Entry) (err error) {
	step("record", func() { err = s.Store.Record(ctx, l, es) })
	return err
}

func (s frailStore) Pause(ctx context.Context, l conversions.Lease, p conversions.Paused) (err error) {
	step("pause", func() { err = s.Store.Pause(ctx, l, p) })
	return err
}

func (s frailStore) Resume(ctx context.Context, l conversions.Lease, action string, at time.Time) (err error) {
	step("resume", func() { err = s.Store.Resume(ctx, l, action, at) })
	return err
}

// frailDestination is a connection with points around every call, whose calls
// also end when the moved clock says that their time is over: a machine whose
// clock leaps forward has slept, or was stopped, and its calls are over.
type frailDestination struct {
	scheduler.Destination

	now func() time.Time
}

// frailPoller is one of a vendor that answers later.
type frailPoller struct {
	frailDestination
	scheduler.Poller
}

// frailInspector is one that can be asked for look-back windows.
type frailInspector struct {
	frailDestination
	scheduler.Inspector
}

func (a *app) frailDestinations(all map[conversions.API]scheduler.Destination) map[conversions.API]scheduler.Destination {
	frail := map[conversions.API]scheduler.Destination{}
	for api, d := range all {
		frail[api] = a.frailDestination(d)
	}
	return frail
}

func (a *app) frailDestination(d scheduler.Destination) scheduler.Destination {
	frail := frailDestination{d, a.now}
	if p, ok := d.(scheduler.Poller); ok {
		return frailPoller{frail, p}
	}
	if i, ok := d.(scheduler.Inspector); ok {
		return frailInspector{frail, i}
	}
	return frail
}

func (d frailDestination) Upload(ctx context.Context, b conversions.Batch, validateOnly bool) conversions.Reply {
	lost := conversions.Reply{Answers: make([]conversions.Answer, len(b.Items)), Unknown: true}
	return d.call(ctx, "upload", lost, func(ctx context.Context) conversions.Reply {
		return d.Destination.Upload(ctx, b, validateOnly)
	})
}

func (p frailPoller) Status(ctx context.Context, b conversions.Batch) conversions.Reply {
	lost := conversions.Reply{
		Answers: make([]conversions.Answer, len(b.Items)),
		Call:    &conversions.Answer{Verdict: conversions.Retry, Code: "Failpoint.DEADLINE"},
	}
	return p.call(ctx, "status", lost, func(ctx context.Context) conversions.Reply { return p.Poller.Status(ctx, b) })
}

func (d frailDestination) call(ctx context.Context, name string, lost conversions.Reply, f func(context.Context) conversions.Reply) conversions.Reply {
	end := d.now().Add(conversions.CallTimeout)
	theFailpoints.at(name + ".before")
	if !d.now().Before(end) {
		return lost
	}
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for bounded.Err() == nil {
			if !d.now().Before(end) {
				cancel()
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	reply := f(bounded)
	theFailpoints.at(name + ".after")
	return reply
}
