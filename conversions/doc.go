// Package conversions is the domain: events, leads, outcomes, stages, money,
// the rules of an account, the fold that turns a lead's events into what we
// want at Google, what we know to be there, the operation between the two,
// verdicts, ledger entries and retry arithmetic.
//
// Everything here is pure: values in, values out, no clock, no I/O, nothing
// outside the standard library. Money is integer hundredths until the wire.
// The package knows nothing of HTTP, SQL or Google's wire formats.
//
// Start reading at Fold (events to Want), then Row.Decide (Want to Entry) and
// Row.Apply (Entry to Row): the ledger is the sequence of those entries.
package conversions
