package sqlite

// SelectContactClicks and WakeLeads are what ContactClicks and Append run, for
// tests of their plans.
const (
	SelectContactClicks = selectContactClicks
	WakeLeads           = wakeLeads
)

// The queries of Polls and NextPoll, for a test of their plans.
const (
	SelectPolls    = selectBatch + toPoll
	SelectNextPoll = firstToPoll
)
