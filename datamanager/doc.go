// Package datamanager sends batches of offline conversions to Google's Data Manager API v1, asks later what became of them,
// and says so of every row.
//
// It owns the wire format of IngestEvents and RetrieveRequestStatus, the connection, the project's share of the quota, the
// attribution of refusals and of counted failures to rows, and the one table that turns Google's reasons into verdicts. It
// is unlike the Google Ads API: one bad row refuses a whole request, what was taken is processed later, the same
// transaction id with another value overwrites the first, and nothing can be retracted.
//
// It does not own when a batch is sent, sent again or asked about: a call is made once, and repeating it by verdict is the
// caller's. Warnings of the API are left aside: they change nothing about a row. It knows no storage.
//
// Start reading at [Client.Upload] and [Client.Status]; what an answer means is in [Classify].
package datamanager
