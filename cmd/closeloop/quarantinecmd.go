package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/webhook"
)

// The ways to decide about a quarantined delivery, as they are typed.
const (
	quarantineGiveUp = "give-up"
	quarantineRetry  = "retry"
)

func quarantinedCommand(a *app) *cobra.Command {
	f := &decisionFlags{}
	var payload string
	ways := []string{quarantineGiveUp, quarantineRetry}
	cmd := &cobra.Command{
		Use:   "quarantined ID give-up|retry",
		Short: "Decide about a delivery that was genuine but could not be read",
		Long: "Quarantined records what a person decided about a delivery of closeloop quarantine list. Give-up\n" +
			"leaves it at that. Retry reads it once more: only its structure was kept, so --payload names a file\n" +
			"with the body exactly as it was sent, from the CRM's log. A file that is another by one byte is\n" +
			"refused. What can be read now counts as received when it came; else nothing changes.",
		Example: "  closeloop resolve quarantined 3 give-up --note 'a test of the CRM'\n" +
			"  closeloop resolve quarantined 3 retry --payload body.json --note 'the CRM named a wrong content type'",
		Args: args(idAndWay(ways)), ValidArgsFunction: second(ways),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			if err := payloadFits(given[1], payload); err != nil {
				return usage(err, cmd)
			}
			by := conversions.QuarantineDecision{At: a.now(), By: f.by, Note: f.note}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				q, err := openDelivery(ctx, e, given[0])
				if err != nil {
					return err
				}
				text, err := decideDelivery(ctx, cfg, delivery{e: e, q: q, by: by}, payload)
				if err != nil {
					return err
				}
				fmt.Fprintln(a.stdout, text)
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&payload, "payload", "", "file with the delivery's body as it was sent; only for retry")
	return cmd
}

func idAndWay(ways []string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		const id, both = 1, 2
		switch n := len(given); {
		case n == 0:
			return errors.New("ID is missing, and whether to give-up or retry")
		case n == id:
			return errors.New("ID needs to be followed by give-up or retry")
		case n > both:
			return fmt.Errorf("one ID at a time, and give-up or retry, not %d arguments", n)
		}
		if !slices.Contains(ways, given[1]) {
			return fmt.Errorf("%q is neither give-up nor retry", given[1])
		}
		return nil
	}
}

// second completes the second argument.
func second(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(given) != 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func payloadFits(way, payload string) error {
	switch {
	case way == quarantineRetry && payload == "":
		return errors.New("--payload is missing: retry needs the delivery's body, for only its structure was kept")
	case way == quarantineGiveUp && payload != "":
		return errors.New("--payload is only for retry")
	default:
		return nil
	}
}

// openDelivery finds a quarantined delivery that nobody has decided about.
func openDelivery(ctx context.Context, e *engine, subject string) (conversions.Quarantined, error) {
	id, err := strconv.ParseInt(subject, 10, 64)
	if err != nil {
		return conversions.Quarantined{}, noDelivery(subject)
	}
	q, err := e.store.QuarantinedByID(ctx, id)
	switch {
	case errors.Is(err, conversions.ErrNotFound):
		return q, noDelivery(subject)
	case err != nil:
		return q, fmt.Errorf("look up quarantined delivery: %w", err)
	case q.Decided != nil:
		return q, decidedAlready(id)
	}
	return q, nil
}

func noDelivery(subject string) error {
	return &hinted{
		err:  fmt.Errorf("quarantined delivery %s: %w", subject, conversions.ErrNotFound),
		hint: "closeloop quarantine list --all shows the ids there are", code: exitNotFound,
	}
}

func decidedAlready(id int64) error {
	return &hinted{
		err:  fmt.Errorf("quarantined delivery %d was decided already", id),
		hint: fmt.Sprintf("closeloop quarantine show %d says how", id), code: exitFailed,
	}
}

// decideDelivery has a delivery read from a payload, or without one given up,
// and returns what to tell of it.
func decideDelivery(ctx context.Context, cfg *config.Config, d delivery, payload string) (string, error) {
	if payload == "" {
		return d.giveUp(ctx)
	}
	return d.retry(ctx, cfg, payload)
}

// delivery is a quarantined delivery that is decided about.
type delivery struct {
	e  *engine
	q  conversions.Quarantined
	by conversions.QuarantineDecision // when, who and why
}

// giveUp returns what to tell of it.
func (d delivery) giveUp(ctx context.Context) (string, error) {
	return fmt.Sprintf("quarantined delivery %d is given up", d.q.ID), d.decide(ctx, conversions.EntryGivenUp, nil)
}

// retry reads the delivery once more and returns what to tell of it. What it
// holds is neither told nor quoted.
func (d delivery) retry(ctx context.Context, cfg *config.Config, path string) (string, error) {
	event, err := readAgain(cfg, d.q, path)
	if err != nil {
		return "", err
	}
	if err := d.decide(ctx, conversions.EntryRetried, &event); err != nil {
		return "", err
	}
	q, err := d.e.store.QuarantinedByID(ctx, d.q.ID)
	if err != nil {
		return "", fmt.Errorf("read quarantined delivery: %w", err)
	}
	return fmt.Sprintf("quarantined delivery %d is event %d now; the server folds it in a moment, or the next run does",
		q.ID, q.Decided.Event), nil
}

func (d delivery) decide(ctx context.Context, kind conversions.EntryKind, event *conversions.Event) error {
	d.by.Kind = kind
	err := d.e.store.ResolveQuarantine(ctx, d.q.ID, d.by, event)
	if errors.Is(err, conversions.ErrDecided) { // by somebody else, just now
		return decidedAlready(d.q.ID)
	}
	return err //nolint:wrapcheck // the store says what it was doing
}

// readAgain reads a delivery by the source as it is configured today.
func readAgain(cfg *config.Config, q conversions.Quarantined, path string) (conversions.Event, error) {
	source, err := sourceOf(cfg, q)
	if err != nil {
		return conversions.Event{}, err
	}
	body, err := readBody(path, q.Size)
	if err != nil {
		return conversions.Event{}, err
	}
	event, err := webhook.Reread(source, q, body)
	switch {
	case errors.Is(err, webhook.ErrOtherBody):
		return event, &hinted{
			err: fmt.Errorf("%s is not the body of quarantined delivery %d, which has %d bytes", path, q.ID, q.Size), code: exitFailed,
			hint: "take the raw body from the CRM's log; a newline at the end makes it another",
		}
	case err != nil:
		return event, &hinted{
			err: fmt.Errorf("quarantined delivery %d still cannot be read: %w", q.ID, err), code: exitFailed,
			hint: "nothing was changed; a newer closeloop may read it, or it is given up",
		}
	}
	return event, nil
}

// sourceOf is the configured source that a delivery came from.
func sourceOf(cfg *config.Config, q conversions.Quarantined) (webhook.Source, error) {
	all, err := endpoints(cfg)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.Key == q.Source && e.Account == q.Account {
			return e.Source, nil
		}
	}
	return nil, &hinted{
		err:  fmt.Errorf("the configuration has no source with the key %s for account %s", q.Source, q.Account),
		hint: "put it back to read the delivery, or give it up", code: exitFailed,
	}
}

// readBody reads a file that should have size bytes: of a longer one only so
// much that it is another.
func readBody(path string, size int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &hinted{err: fmt.Errorf("read payload: %w", err), hint: "--payload names a file with the delivery's body", code: exitFailed}
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, int64(size)+1))
	if err != nil {
		return nil, fmt.Errorf("read payload: %w", err)
	}
	return body, nil
}
