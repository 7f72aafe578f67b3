package sqlite

// SelectContactClicks is the query of ContactClicks, for a test of its plan.
const SelectContactClicks = selectContactClicks

// The queries of Polls and NextPoll, for a test of their plans.
const (
	SelectPolls    = selectBatch + toPoll
	SelectNextPoll = firstToPoll
)
