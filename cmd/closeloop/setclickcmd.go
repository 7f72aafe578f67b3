package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
	"closeloop/gclid"
)

func setClickCommand(a *app) *cobra.Command {
	f := &decisionFlags{}
	kind := string(conversions.GCLID)
	cmd := &cobra.Command{
		Use:   "set-click ROW CLICK_ID",
		Short: "Give an outcome the click id that its webhooks lack or have wrong",
		Long: "Set-click stores a click id for the call of an outcome. It comes before those of the webhooks, and\n" +
			"opens an outcome again that was refused or had none. What Google holds already keeps the click id\n" +
			"it was uploaded with.",
		Example: "  closeloop resolve set-click 17 Cj0KCQjw... --note 'from the landing page report'",
		Args:    args(rowAndClick), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			click, err := a.typedClick(given[1], kind)
			if err != nil {
				return err
			}
			return a.withEngine(cmd.Context(), func(ctx context.Context, e *engine, cfg *config.Config) error {
				row, err := rowForClick(ctx, e, cfg, given[0], f.account)
				if err != nil {
					return err
				}
				return a.setClick(ctx, e, row, click, f)
			})
		},
	}
	f.register(cmd)
	f.registerAccount(a, cmd)
	cmd.Flags().StringVar(&kind, "kind", kind, "gclid, gbraid or wbraid")
	complete(cmd, "kind", clickKinds())
	return cmd
}

func clickKinds() []string {
	return texts([]conversions.ClickKind{conversions.GCLID, conversions.GBRAID, conversions.WBRAID})
}

func rowAndClick(_ *cobra.Command, given []string) error {
	const row, both = 1, 2
	switch n := len(given); {
	case n == 0:
		return errors.New("ROW and CLICK_ID are missing")
	case n == row:
		return errors.New("CLICK_ID is missing")
	case n > both:
		return fmt.Errorf("one ROW and one CLICK_ID at a time, not %d arguments", n)
	default:
		return nil
	}
}

// typedClick reads a click id as a person typed or pasted it, and warns of
// suspected damage. It is never quoted.
func (a *app) typedClick(text, kind string) (gclid.Result, error) {
	if err := oneOf("kind", kind, clickKinds()); err != nil {
		return gclid.Result{}, err
	}
	click := gclid.Parse(text, conversions.ClickKind(kind))
	switch {
	case !click.Usable && click.Damage == gclid.None:
		return click, &hinted{err: errors.New("CLICK_ID is empty"), hint: "copy it from where it was recorded", code: exitUsage}
	case !click.Usable:
		return click, &hinted{err: fmt.Errorf("CLICK_ID cannot be sent: %s", click.Detail), hint: click.Damage.Hint(), code: exitUsage}
	case click.Damage != gclid.None:
		fmt.Fprintf(a.stderr, "warning: %s\nhint: %s\n", click.Detail, click.Damage.Hint())
	}
	return click, nil
}

// rowForClick finds a row that another click id makes a difference to.
func rowForClick(ctx context.Context, e *engine, cfg *config.Config, subject, account string) (conversions.Row, error) {
	row, err := rowToDecide(ctx, e, cfg, subject, account)
	if err != nil {
		return row, err
	}
	switch row.Known.Status {
	case conversions.KnownThere, conversions.KnownThereValue, conversions.KnownUnanswered, conversions.KnownRetracted:
		return row, &hinted{
			err:  fmt.Errorf("row %d is %s: it was uploaded with its click id, which cannot be changed any more", row.ID, row.State),
			hint: fmt.Sprintf("closeloop audit show %d says what Google holds", row.ID), code: exitFailed,
		}
	case conversions.KnownNothing, conversions.KnownRefused:
	}
	return row, nil
}

// setClick stores the click id as an event of the lead, so that it is folded
// as any other, found first, and erasable.
func (a *app) setClick(ctx context.Context, e *engine, row conversions.Row, click gclid.Result, f *decisionFlags) error {
	now := a.now()
	sum := sha256.Sum256([]byte(newID()))
	event := conversions.Event{
		Account: row.Key.Account, Source: row.Key.Source, Lead: row.Key.Lead, Kind: conversions.KindClickSet,
		Body: [16]byte(sum[:16]), At: now, Received: now, By: f.by, Note: f.note,
		Person: conversions.Person{Clicks: []conversions.FoundClick{{
			Click: click.Click, Place: conversions.PlacePerson, Damage: string(click.Damage),
		}}},
	}
	if _, err := e.store.Append(ctx, event); err != nil {
		return fmt.Errorf("store click id: %w", err)
	}
	if err := e.Fold(ctx, row.Key.Account); err != nil {
		return failedFor(row.Key.Account, "fold", err)
	}
	rows, err := e.store.Rows(ctx, row.Key.Account, []conversions.RowID{row.ID})
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	for _, r := range rows {
		if r.Version == row.Version {
			fmt.Fprintf(a.stdout, "row %d is %s as before: it had this click id already\n", r.ID, r.State)
			continue
		}
		fmt.Fprintf(a.stdout, "row %d is now %s%s\n", r.ID, r.State, nextStep(r))
	}
	return nil
}
