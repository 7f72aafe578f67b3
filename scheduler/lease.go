package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"closeloop/conversions"
)

// keeper holds one account's lease for as long as anybody in this process
// works for the account: the fold and the run share it, so that events are
// folded while a call is under way.
type keeper struct {
	store   Leases
	account conversions.AccountID
	holder  string
	now     func() time.Time

	mu    sync.Mutex // guards all but lease; held while joining and leaving
	users int
	lost  context.CancelFunc // ends the work of every user
	work  context.Context    //nolint:containedctx // the lifetime of the lease itself, which outlives any one caller
	done  chan struct{}      // closed when renewing has stopped

	leaseMu sync.Mutex
	lease   conversions.Lease
}

// hold takes the lease, or joins those who have it. The returned context ends
// when ctx does or when the lease is lost; release must be called once.
func (k *keeper) hold(ctx context.Context) (context.Context, func(), error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users == 0 {
		if err := k.take(ctx); err != nil {
			return nil, nil, err
		}
	}
	k.users++
	held, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(k.work, cancel)
	return held, func() { stop(); cancel(); k.leave(ctx) }, nil
}

// take waits for the answer also when ctx ends meanwhile: a lease that was given
// and not taken note of would keep everybody out until it is over.
func (k *keeper) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // the caller asks for this very error
	}
	answered, stop := outlasting(ctx, leaseAnswer)
	defer stop()
	lease, err := k.store.Acquire(answered, k.account, k.holder, k.now())
	if err != nil {
		return fmt.Errorf("acquire lease: %w", err)
	}
	k.set(lease)
	k.work, k.lost = context.WithCancel(context.WithoutCancel(ctx))
	k.done = make(chan struct{})
	go k.renewing(k.work, k.done) //nolint:contextcheck // the lease outlives the caller that took it
	return nil
}

// leaseAnswer is how long a shutdown waits for the store to give a lease or to
// take it back.
const leaseAnswer = 5 * time.Second

// outlasting returns a context that ends a while after ctx does, or when stop is
// called.
func outlasting(ctx context.Context, while time.Duration) (longer context.Context, stop func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		_ = pause(longer, while) // it may end before
		cancel()
	})
	return longer, func() { forget(); cancel() }
}

// leave ends one user's hold and, after the last, the lease.
func (k *keeper) leave(ctx context.Context) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users--
	if k.users > 0 {
		return
	}
	k.lost()
	<-k.done
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseAnswer)
	defer cancel()
	// A lease that cannot be given back expires by itself.
	_ = k.store.Release(release, k.current())
}

// renewing extends the lease until work ends; a lease that cannot be extended
// before it expires is lost.
func (k *keeper) renewing(work context.Context, done chan<- struct{}) {
	defer close(done)
	ticker := time.NewTicker(conversions.LeaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-work.Done():
			return
		case <-ticker.C:
			if err := k.renew(work); errors.Is(err, conversions.ErrLeaseLost) || k.expired() {
				k.lost()
				return
			}
		}
	}
}

func (k *keeper) renew(ctx context.Context) error {
	lease, err := k.store.Renew(ctx, k.current(), k.now())
	if err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	k.set(lease)
	return nil
}

func (k *keeper) set(l conversions.Lease) {
	k.leaseMu.Lock()
	defer k.leaseMu.Unlock()
	k.lease = l
}

func (k *keeper) expired() bool { return !k.now().Before(k.current().Until) }

// current returns the lease as last renewed.
func (k *keeper) current() conversions.Lease {
	k.leaseMu.Lock()
	defer k.leaseMu.Unlock()
	return k.lease
}

// forCall returns a lease with enough time left for a whole call.
func (k *keeper) forCall(ctx context.Context) (conversions.Lease, error) {
	if k.current().Until.Sub(k.now()) < conversions.CallMargin {
		if err := k.renew(ctx); err != nil {
			return conversions.Lease{}, err
		}
	}
	return k.current(), nil
}

// still makes sure, right before a call, that the lease lasts for all of it: the
// process may have stood still since forCall (a stopped machine, a slow write),
// and another may have sent newer values meanwhile. What forCall leaves over
// CallTimeout is there for the steps between the two.
func (k *keeper) still(ctx context.Context) error {
	if k.current().Until.Sub(k.now()) >= conversions.CallTimeout {
		return nil
	}
	return k.renew(ctx)
}
