//go:build !failpoints

package main

import (
	"time"

	"closeloop/conversions"
	"closeloop/scheduler"
	"closeloop/store"
)

// In the program as it is shipped nothing stands between it and its clock, its
// store and its connections. The build tag failpoints puts something there, for
// the program in folder torture.

func (a *app) clock() (func() time.Time, error) { return a.now, nil }

func (*app) frailStore(s store.Store) store.Store { return s }

func (*app) frailDestinations(all map[conversions.API]scheduler.Destination) map[conversions.API]scheduler.Destination {
	return all
}
