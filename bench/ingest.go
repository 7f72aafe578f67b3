package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// most is how many deliveries a second a round is ready for.
const most = 60_000

// firstNumber is the number of a round's first delivery.
const firstNumber = 100_000_000

// series is one kind of delivery to one server.
type series struct{ engine, kind string }

func (s series) String() string { return s.engine + ", " + s.kind }

func allSeries() []series {
	return []series{
		{engineFull, outcomeTagged},
		{engineBare, outcomeTagged},
		{engineFull, callEnded},
		{engineBare, callEnded},
	}
}

// ingestRound is what one round measured.
type ingestRound struct {
	loadResult
	engineEnd
	processor time.Duration // of the server, for all it stored
}

// each is the processor time that one delivery took, start of the server
// included.
func (r ingestRound) each() time.Duration { return r.processor / time.Duration(r.Stored) }

// ingestCase is a number of connections with every round of every series.
type ingestCase struct {
	connections int
	rounds      map[series][]ingestRound
}

// measureIngest plays all series in turns, so that a busy moment of the
// machine falls on each. pg is nil for SQLite.
func measureIngest(ctx context.Context, o options, pg *server) ([]ingestCase, error) {
	var cases []ingestCase
	for _, n := range o.connections {
		c := ingestCase{connections: n, rounds: map[series][]ingestRound{}}
		for i := range o.rounds {
			for _, s := range allSeries() {
				r, err := o.ingestRound(ctx, s, n, engineSpec{Profile: o.profileOf(s, n, i)}, pg)
				if err != nil {
					return nil, fmt.Errorf("%s over %d connections: %w", s, n, err)
				}
				c.rounds[s] = append(c.rounds[s], r)
			}
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// profileOf names the file for a CPU profile of a round: the last one of
// outcomes at 64 connections is kept, to the bare server with ".bare" behind
// the name.
func (o options) profileOf(s series, connections, round int) string {
	switch {
	case o.profile == "" || connections != 64 || s.kind != outcomeTagged || round != o.rounds-1:
		return ""
	case s.engine == engineBare:
		return o.profile + ".bare"
	default:
		return o.profile
	}
}

// ingestRound starts a server with an empty database, delivers, and checks
// that the database holds whatever was answered 202.
func (o options) ingestRound(ctx context.Context, s series, connections int, e engineSpec, pg *server) (r ingestRound, err error) {
	e.Engine, e.NoFold = s.engine, o.noFold
	if e.Dir, err = os.MkdirTemp(o.dir, "closeloop-bench-"); err != nil {
		return r, fmt.Errorf("make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(e.Dir) }()
	if pg != nil {
		if e.DSN, err = pg.database(ctx, s.engine == engineBare); err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, pg.drop(context.WithoutCancel(ctx), e.DSN)) }()
	}
	var at ready
	server, err := start(ctx, "engine", e, &at)
	if err != nil {
		return r, err
	}
	r.loadResult, err = deliver(ctx, loadSpec{
		Address: at.Address, Kind: s.kind, Connections: connections, Warm: o.warm, Span: o.span,
		At: time.Now().Add(-24 * time.Hour), First: firstNumber, Pool: int(most*(o.warm+o.span).Seconds()) + connections,
	})
	if err != nil {
		server.kill()
		return r, err
	}
	if r.processor, err = server.stop(&r.engineEnd); err != nil {
		return r, err
	}
	if r.Stored < r.Accepted {
		return r, fmt.Errorf("%d deliveries were accepted and %d are stored", r.Accepted, r.Stored)
	}
	return r, nil
}

// deliver runs the load generator in a process of its own.
func deliver(ctx context.Context, s loadSpec) (loadResult, error) {
	var r loadResult
	load, err := start(ctx, "load", s, &r)
	if err != nil {
		return r, err
	}
	_, err = load.stop(nil)
	return r, err
}
