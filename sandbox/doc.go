// Package sandbox stands in for Google's servers on the loopback interface: ConversionUploadService,
// ConversionAdjustmentUploadService and GoogleAdsService of the Google Ads API v25 over real gRPC, IngestionService of
// the Data Manager API v1 and the OAuth 2.0 token endpoint over HTTP.
//
// It owns what "Google" knows and holds: customers, conversion actions, clicks, issued access tokens and the
// conversions it accepted; the checks Google documents for them, as strictly as they are documented; and faults on
// request. What Google does not document is a named switch in [Unproven]. It also plays the CRM: [Yesterday] makes
// signed sample webhooks and the clicks they speak of.
//
// It does not own anything of the program it is used to try: it knows no storage, no configuration file and no
// scheduler, and it never connects to anything.
//
// Start reading at [Config] and [Start]; a row's way through the checks begins in upload.go, an adjustment's in adjust.go,
// that of an event of the Data Manager API in ingest.go.
package sandbox
