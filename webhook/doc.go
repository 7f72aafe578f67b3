// Package webhook receives deliveries from CRMs: it limits their size, has
// their signature checked, has them read into events and answers only once
// the event is durable.
//
// It owns the order and the meaning of the answers, the wait for the store,
// the log line, the masking of what cannot be read and the hashing of e-mail
// addresses and phone numbers. It does not know how a vendor signs or writes
// its payloads (a package below this one does, one per vendor), nor how
// events are stored. Start reading at Handler.ServeHTTP.
package webhook
