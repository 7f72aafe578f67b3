package sqlite

// SelectContactClicks is the query of ContactClicks, for a test of its plan.
const SelectContactClicks = selectContactClicks
