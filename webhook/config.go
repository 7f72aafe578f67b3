package webhook

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"closeloop/conversions"
)

// Prefix is the path under which the handler serves: POST /webhooks/{name}.
const Prefix = "/webhooks/"

// The defaults of Config.
const (
	// DefaultMaxBody is 1 MiB; Varda's largest documented payload is under
	// 1 KiB.
	DefaultMaxBody = 1 << 20
	// DefaultStoreWait leaves two of the ten seconds that Varda waits for an
	// answer (docs.tryvarda.com/webhooks/overview, November 2026).
	DefaultStoreWait = 8 * time.Second
)

// Endpoint is one source as it is served.
type Endpoint struct {
	// Name stands in the URL. It may change.
	Name string
	// Key is the source's immutable key; it goes into ids.
	Key string
	// Account is the account the source is bound to.
	Account conversions.AccountID
	// Source verifies and reads its deliveries.
	Source Source
}

// Config is what a Handler needs. Endpoints, Log, Now and Logger are
// required.
type Config struct {
	Endpoints []Endpoint
	Log       Log
	// Now is the clock.
	Now    func() time.Time
	Logger *slog.Logger
	// MaxBody is the largest body taken, in bytes; 0 is DefaultMaxBody.
	MaxBody int64
	// StoreWait is how long a delivery waits for the store before it is
	// answered 503, up to an eightieth less; 0 is DefaultStoreWait.
	StoreWait time.Duration
	// OnEvent is called when an event of the account is in the store, at
	// times more than once for one event. It is called on the delivery's
	// goroutine and must not block. May be nil.
	OnEvent func(conversions.AccountID)
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Log == nil || c.Now == nil || c.Logger == nil {
		errs = append(errs, errors.New("webhook: log, clock and logger are required"))
	}
	if c.MaxBody < 0 || c.StoreWait < 0 {
		errs = append(errs, errors.New("webhook: limits must not be negative"))
	}
	names, keys := map[string]bool{}, map[string]bool{}
	for _, e := range c.Endpoints {
		errs = append(errs, e.validate())
		if names[e.Name] {
			errs = append(errs, fmt.Errorf("webhook: two sources are named %q", e.Name))
		}
		if keys[e.Key] {
			errs = append(errs, fmt.Errorf("webhook: two sources have the key %q", e.Key))
		}
		names[e.Name], keys[e.Key] = true, true
	}
	return errors.Join(errs...)
}

func (e Endpoint) validate() error {
	switch {
	case e.Name == "" || strings.ContainsAny(e.Name, "/?#%"):
		return fmt.Errorf("webhook: %q cannot be a source's name in a URL", e.Name)
	case e.Key == "" || e.Account == "" || e.Source == nil:
		return fmt.Errorf("webhook: source %q lacks key, account or type", e.Name)
	default:
		return nil
	}
}
