// Package googleads sends batches of offline conversions, or of their restatements and retractions, to the Google Ads API
// v25 over gRPC and says of every row what became of it.
//
// It owns the wire formats of UploadClickConversions and UploadConversionAdjustments, the connection and its credentials
// (also as Google's own clients are configured: GOOGLE_ADS_* variables and google-ads.yaml), the reading of partial
// failures, and the one table that turns Google's error codes into verdicts. It also reads the settings of an account for
// a check of the configuration.
//
// It does not own when a batch is sent or sent again: a call is made once per Upload, and repeating it by verdict is the
// caller's. It knows no storage and keeps no state but the connection and one access token.
//
// Start reading at [Client.Upload]; an answer's way is read.go, then [Classify].
package googleads
