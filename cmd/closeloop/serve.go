package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/webhook"
)

// drainTime is how long requests under way get to finish at shutdown: longer
// than a delivery may wait for the store.
const drainTime = 20 * time.Second

func serveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Take webhooks and upload on schedule, until stopped",
		Long: "Serve answers POST /webhooks/{source} and runs every account on its schedule. Any number of\n" +
			"servers may share one PostgreSQL database and one configuration: each takes deliveries, and one\n" +
			"of them makes each run. GET /healthz says that the process is alive, GET /readyz whether\n" +
			"deliveries should be sent here: 503 while the database is away or the server is stopping.\n" +
			"On SIGTERM or Ctrl-C /readyz turns 503, `listen.drain` passes, requests and the batch in flight\n" +
			"are finished, then it ends. GOGC in the environment overrides how seldom garbage is collected\n" +
			"(400 percent, some 30 MB more than Go's default of 100, for less processor time).",
		Example: "  closeloop serve --config /etc/closeloop.yaml",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig()
			if err != nil {
				return err
			}
			a.warn(cfg)
			return a.serve(cmd.Context(), cfg, func(net.Addr) {})
		},
	}
}

// collectAt is how many percent the heap of a server grows before garbage is
// collected. What a delivery leaves is garbage, what is kept is some 7 MB
// without a run under way: with Go's default of 100 collecting takes some 7 %
// of a busy server's processor time, with 400 and 30 MB more memory a quarter
// of that. GOGC in the environment goes first.
const collectAt = 400

// serve is the service. listening is told the address once it listens.
func (a *app) serve(ctx context.Context, cfg *config.Config, listening func(net.Addr)) error {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	return a.openEngine(ctx, cfg, func(e *engine) error {
		ready := &readiness{store: e.store}
		server, err := a.newServer(cfg, e, ready)
		if err != nil {
			return err
		}
		listener, err := listen(ctx, cfg.Listen)
		if err != nil {
			return err
		}
		e.logger.InfoContext(ctx, "listening", slog.String("address", listener.Addr().String()),
			slog.Bool("tls", cfg.Listen.TLS.Enabled()), slog.String("version", version), slog.Any("test_mode", onlyTesting(cfg)))
		listening(listener.Addr())
		return a.work(ctx, cfg, e, service{server, listener, ready})
	})
}

// onlyTesting lists the accounts whose conversions are not really sent.
func onlyTesting(cfg *config.Config) []string {
	names := []string{} // a list in JSON too when there is none
	for _, acc := range cfg.Accounts {
		if acc.Mode == conversions.ModeTest {
			names = append(names, string(acc.Name))
		}
	}
	return names
}

// service is what answers requests.
type service struct {
	server   *http.Server
	listener net.Listener
	ready    *readiness
}

func (a *app) newServer(cfg *config.Config, e *engine, ready *readiness) (*http.Server, error) {
	all, err := endpoints(cfg)
	if err != nil {
		return nil, err
	}
	hooks, err := webhook.New(webhook.Config{Endpoints: all, Log: e.store, Now: a.now, Logger: e.logger, OnEvent: e.Wake})
	if err != nil {
		return nil, fmt.Errorf("set up webhooks: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(webhook.Prefix, hooks)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /readyz", ready)
	return webhook.Server(mux, e.logger), nil
}

func listen(ctx context.Context, l config.Listen) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, &hinted{err: fmt.Errorf("listen on %s: %w", l.Address, cause(err)), code: exitFailed, hint: listenHint(err)}
	}
	return listener, nil
}

// cause takes the address off an error of package net, which the caller names.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program, or another closeloop, holds the port: stop it, or change `listen.address`"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no network interface of this machine has that address: change `listen.address`"
	case errors.Is(err, fs.ErrPermission):
		return "ports below 1024 need privileges: change `listen.address`"
	default:
		return "change `listen.address`"
	}
}

// work runs the parts of the service until ctx is done, then waits for each: no
// run starts any more, and the batch in flight is settled while requests end.
func (a *app) work(ctx context.Context, cfg *config.Config, e *engine, s service) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.Run(ctx) })
	g.Go(func() error { return answer(s.server, s.listener, cfg.Listen.TLS) })
	g.Go(func() error { return drain(ctx, s, cfg.Listen.Drain, e.logger) })
	g.Go(func() error { a.housekeeping(ctx, cfg, e); return nil })
	err := g.Wait()
	e.logger.InfoContext(context.WithoutCancel(ctx), "stopped")
	return err //nolint:wrapcheck // each part wraps its own
}

// answer serves requests until the server is shut down.
func answer(server *http.Server, l net.Listener, tls config.TLS) error {
	var err error
	if tls.Enabled() {
		err = server.ServeTLS(l, tls.Cert, tls.Key)
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// drain turns /readyz when ctx is done, lets load balancers notice, stops
// taking connections and waits for requests under way.
func drain(ctx context.Context, s service, notice time.Duration, logger *slog.Logger) error {
	<-ctx.Done()
	s.ready.draining.Store(true)
	steady := context.WithoutCancel(ctx)
	logger.InfoContext(steady, "stopping", slog.Duration("drain", notice), slog.Duration("then_at_most", drainTime))
	if notice > 0 {
		<-time.After(notice) // a second signal ends the program at once
	}
	bounded, cancel := context.WithTimeout(steady, drainTime)
	defer cancel()
	if err := s.server.Shutdown(bounded); err != nil {
		return fmt.Errorf("finish requests: %w", err)
	}
	return nil
}

// housekeeping deletes what retention says, once an hour.
func (a *app) housekeeping(ctx context.Context, cfg *config.Config, e *engine) {
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	for {
		n, err := e.store.PurgeQuarantine(ctx, a.now().Add(-cfg.Retention.Quarantine))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			e.logger.ErrorContext(ctx, "purge_failed", slog.Any("error", err))
		case n > 0:
			e.logger.InfoContext(ctx, "quarantine_purged", slog.Int("deliveries", n))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
