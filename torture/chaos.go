package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"closeloop/sandbox"
)

// life starts a replica, lets it live for a while and ends it, until ctx is
// done.
func (w *world) life(ctx context.Context, r *replica, rng *rand.Rand) error {
	for ctx.Err() == nil {
		fail, err := w.choose(rng)
		if err != nil {
			return err
		}
		p, err := r.start(ctx, fail)
		if err != nil {
			return err
		}
		w.tally.started()
		if err := w.live(ctx, r, p, fail, rng); err != nil {
			return err
		}
	}
	return nil
}

// choose decides how a process will end: most at one of the fail points that
// were come to least often, some are stopped at one, the rest are killed at any
// moment.
func (w *world) choose(rng *rand.Rand) (arming, error) {
	all := points()
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	a := arming{deed: "kill"}
	switch n := rng.IntN(10); {
	case w.only.deed != "":
		a = w.only
	case n < 6:
		w.tally.rarestFirst(all)
		all = all[:len(all)/3]
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		a.points = all[:1+rng.IntN(len(all)/2)] // few: those that are hard to reach must not die at others first
	case n < 8:
		a.deed, a.points = "stop", append(guarded(all, 2), all[0])
	default:
		return arming{}, nil
	}
	numbered := make([]string, len(a.points))
	for i, p := range a.points {
		numbered[i] = fmt.Sprintf("%s:%d", p, 1+rng.IntN(3)/2)
	}
	return arming{a.deed, numbered}, w.lead(a.points)
}

// guarded are n of the points before a write that names a lease: a process that
// stands still there wakes up with what it knew to be so.
func guarded(points []string, n int) []string {
	var all []string
	for _, p := range points {
		switch p {
		case "decide.before", "begin.before", "again.before", "settle.before", "polled.before", "record.before":
			all = append(all, p)
		}
	}
	return all[:n]
}

// lead makes Google do what leads a process to fail points that are rare.
func (w *world) lead(points []string) error {
	for _, p := range points {
		var f []sandbox.Fault
		switch step, _, _ := strings.Cut(p, "."); step {
		case "again":
			f = append(f, sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true})
		case "pause", "resume":
			f = append(f, denied())
		case "save_facts": // once a day
			const most = 8
			if w.days.Add(1) <= most {
				if err := w.leap(24 * time.Hour); err != nil {
					return err
				}
			}
		}
		if err := w.box.Fault(f...); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
	}
	return nil
}

// denied pauses an account.
func denied() sandbox.Fault {
	return sandbox.Fault{Kind: sandbox.FaultError, On: sandbox.OnUpload, Family: "authorization_error", Number: 2} // USER_PERMISSION_DENIED
}

// live waits for the end of a process: at a fail point, or after a while.
func (w *world) live(ctx context.Context, r *replica, p *process, fail arming, rng *rand.Rand) error {
	last := 100*time.Millisecond + time.Duration(rng.IntN(1500))*time.Millisecond
	if len(fail.points) > 0 {
		last += 1500 * time.Millisecond
	}
	end := time.NewTimer(last)
	defer end.Stop()
	select {
	case point := <-p.hit:
		if fail.deed == "stop" {
			return w.stopped(ctx, r, p, point, rng)
		}
		<-p.ended
		r.forget()
		w.diary.note("%s died at %s", r.name, point)
		w.tally.count(w.tally.points, point)
		return nil
	case <-p.ended:
		return w.endedByItself(r, p)
	case <-ctx.Done():
		return nil // the rest begins: whoever lives goes on
	case <-end.C:
	}
	if rng.IntN(8) == 0 {
		if err := p.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		return w.stopped(ctx, r, p, "", rng)
	}
	return w.slay(r, p)
}

// slay kills a process at any moment.
func (w *world) slay(r *replica, p *process) error {
	w.tally.killed()
	w.diary.note("%s is killed", r.name)
	return r.kill(p)
}

// endedByItself says whether a process may have ended without being asked to.
func (w *world) endedByItself(r *replica, p *process) error {
	r.forget()
	select {
	case point := <-p.hit:
		w.tally.count(w.tally.points, point)
		return nil
	default:
	}
	if w.engine.failed(r) {
		w.tally.count(w.tally.others, "start without a database")
		time.Sleep(200 * time.Millisecond)
		return nil
	}
	return fmt.Errorf("replica %s ended by itself: %s, see %s", r.name, p.state, r.log.Name())
}

// stopped lets a process stand still until its leases are over and others had
// time to take its work over, and to do other work, and then lets it go on, and die a little later.
func (w *world) stopped(ctx context.Context, r *replica, p *process, point string, rng *rand.Rand) error {
	w.tally.count(w.tally.stops, point)
	w.diary.note("%s stands still, at %q", r.name, point)
	time.Sleep(20 * time.Millisecond)
	if err := w.leap(time.Minute + time.Duration(rng.IntN(3600))*time.Second); err != nil {
		return err
	}
	w.crm.changeMinds()
	sleep(ctx, 500*time.Millisecond+time.Duration(rng.IntN(1500))*time.Millisecond)
	for _, k := range r.links {
		k.cut()
	}
	w.diary.note("%s goes on", r.name)
	if err := p.signal(syscall.SIGCONT); err != nil {
		return err
	}
	sleep(ctx, time.Duration(rng.IntN(1000))*time.Millisecond)
	return w.slay(r, p)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// time lets the clock leap now and then: mostly past a lease, often past an
// hour's wait, sometimes for hours.
func (w *world) time(ctx context.Context, rng *rand.Rand) error {
	const farthest = 20 * 24 * time.Hour // so that nothing gets too old to be sent
	for ctx.Err() == nil {
		sleep(ctx, 400*time.Millisecond+time.Duration(rng.IntN(1200))*time.Millisecond)
		d := time.Duration(12+rng.IntN(80)) * time.Second
		switch n := rng.IntN(10); {
		case w.clock.moved() > farthest:
		case n < 4:
			d = time.Duration(5+rng.IntN(40)) * time.Minute
		case n < 5:
			d = time.Duration(60+rng.IntN(180)) * time.Minute
		}
		if err := w.leap(d); err != nil {
			return err
		}
	}
	return nil
}

// storms disturbs the network of one replica after another.
func (w *world) storms(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		sleep(ctx, time.Duration(200+rng.IntN(2500))*time.Millisecond)
		r := w.replicas[rng.IntN(len(w.replicas))]
		k := r.network()[rng.IntN(len(r.network()))]
		state := weather(1 + rng.IntN(int(cutAfter)))
		w.tally.count(w.tally.storms, state.String())
		w.diary.note("the network of %s to %s: %s", r.name, k.target, state)
		k.becomes(state, time.Duration(10+rng.IntN(200))*time.Millisecond)
		sleep(ctx, time.Duration(100+rng.IntN(900))*time.Millisecond)
		k.becomes(fine, 0)
	}
}

// google makes the sandbox fail.
func (w *world) google(ctx context.Context, rng *rand.Rand) error {
	for ctx.Err() == nil {
		sleep(ctx, time.Duration(100+rng.IntN(1200))*time.Millisecond)
		f := mishaps()[rng.IntN(len(mishaps()))]
		if f.Family == "" && f.On == sandbox.OnUpload {
			f.On = []sandbox.FaultPlace{sandbox.OnUpload, sandbox.OnAdjust, sandbox.OnIngest, sandbox.OnStatus}[rng.IntN(4)]
			f.AfterWork = f.Kind != sandbox.FaultQuota && f.Kind != sandbox.FaultTokenExpired && rng.IntN(2) == 0 // who refuses does nothing
		}
		w.tally.count(w.tally.faults, string(f.Kind))
		w.diary.note("Google: %s on %q, after work %t", f.Kind, f.On, f.AfterWork)
		if err := w.box.Fault(f); err != nil {
			return fmt.Errorf("sandbox: %w", err)
		}
		if rng.IntN(10) == 0 {
			w.box.ClearFaults() // some wait for a call that is rare
		}
	}
	return nil
}

// mishaps are what may go wrong at Google. An error of a family belongs where
// it says, others with the upload as their place may come anywhere.
func mishaps() []sandbox.Fault {
	return []sandbox.Fault{
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultCut},
		{Kind: sandbox.FaultUnavailable},
		{Kind: sandbox.FaultInternal},
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(20 * time.Minute)},
		{Kind: sandbox.FaultTokenExpired},
		{Kind: sandbox.FaultSlow, Delay: sandbox.Duration(300 * time.Millisecond)},
		{Kind: sandbox.FaultStall},
		{Kind: sandbox.FaultRowInternal, On: sandbox.OnUpload, Rows: []int{0}},
		{Kind: sandbox.FaultRowInternal, On: sandbox.OnAdjust, Rows: []int{0}},
		{Kind: sandbox.FaultRowInternal, On: sandbox.OnIngest, Rows: []int{0}},
		{Kind: sandbox.FaultLate, On: sandbox.OnIngest, Processing: sandbox.Duration(5 * time.Hour)},
		denied(),
		{Kind: sandbox.FaultUnavailable, On: sandbox.OnToken},
	}
}
