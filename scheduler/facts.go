package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"closeloop/conversions"
)

// factsAge is how old what Google said of the conversion actions may be.
const factsAge = 24 * time.Hour

// rules are the account's, with the look-back windows that Google has where
// the configuration names none.
func (s *Scheduler) rules(ctx context.Context, a *account) (conversions.Rules, error) {
	facts, err := s.cfg.Store.Facts(ctx, a.id)
	if err != nil {
		return conversions.Rules{}, fmt.Errorf("read facts of actions: %w", err)
	}
	rules := a.Rules
	rules.Stages = maps.Clone(rules.Stages)
	for stage, r := range rules.Stages {
		if r.LookBack == 0 {
			r.LookBack = facts.LookBacks[r.Action]
			rules.Stages[stage] = r
		}
	}
	return rules, nil
}

// readFacts asks Google for the look-back windows once a day. A run does not
// fail for want of them: what is too old is refused by Google itself.
func (c *cycle) readFacts(ctx context.Context) {
	inspector, ok := c.a.Destinations[c.a.Rules.Target.API].(Inspector)
	if !ok {
		return
	}
	err := func() error {
		known, err := c.s.cfg.Store.Facts(ctx, c.a.id)
		if err != nil || c.start.Sub(known.ReadAt) < factsAge {
			return err //nolint:wrapcheck // logged below with what was being done
		}
		bounded, cancel := context.WithTimeout(ctx, conversions.CallTimeout)
		defer cancel()
		lookBacks, err := inspector.LookBacks(bounded, c.a.Rules.Target.Customer)
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		facts := conversions.Facts{Account: c.a.id, ReadAt: c.start, LookBacks: lookBacks}
		return c.s.cfg.Store.SaveFacts(ctx, c.a.keeper.current(), facts)
	}()
	if err != nil && ctx.Err() == nil {
		c.s.cfg.Logger.WarnContext(ctx, "look_backs_unknown",
			slog.String("account", string(c.a.id)), slog.Any("error", err))
	}
}
