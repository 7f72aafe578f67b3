package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// visits runs `closeloop run` beside the replicas now and then, as a person or
// somebody else's scheduler does. It takes the leases that they take, and dies
// like they do.
func (w *world) visits(ctx context.Context, rng *rand.Rand) error {
	for ctx.Err() == nil {
		sleep(ctx, time.Duration(300+rng.IntN(2500))*time.Millisecond)
		fail, err := w.choose(rng)
		if err != nil {
			return err
		}
		if fail.deed == "stop" {
			fail = arming{} // it is killed, or ends
		}
		if err := w.visit(ctx, fail, rng); err != nil {
			return err
		}
	}
	return nil
}

// visit makes one such run, of one account or of all, in the network of one of
// the replicas.
func (w *world) visit(ctx context.Context, fail arming, rng *rand.Rand) error {
	r := w.replicas[rng.IntN(len(w.replicas))]
	arguments := []string{"run", "--config", r.config}
	if rng.IntN(2) == 0 {
		arguments = append(arguments, "--account", w.accounts[rng.IntN(len(w.accounts))].name)
	}
	p, err := w.launch(w.visitors, fail, arguments...)
	if err != nil {
		return err
	}
	w.tally.count(w.tally.runs, "begun")
	w.diary.note("closeloop run begins, beside %s", r.name)
	end := time.NewTimer(100*time.Millisecond + time.Duration(rng.IntN(3000))*time.Millisecond)
	defer end.Stop()
	select {
	case <-p.ended:
		w.visited(p)
		return nil
	case <-ctx.Done():
	case <-end.C:
	}
	w.tally.killed()
	w.tally.count(w.tally.runs, "killed")
	w.diary.note("closeloop run is killed")
	return p.kill()
}

// visited notes how a run ended that was not killed at any moment.
func (w *world) visited(p *process) {
	select {
	case point := <-p.hit:
		w.diary.note("closeloop run died at %s", point)
		w.tally.count(w.tally.points, point)
		w.tally.count(w.tally.runs, "killed at a fail point")
	default:
		w.tally.count(w.tally.runs, fmt.Sprintf("ended with %d", p.state.ExitCode()))
	}
}
