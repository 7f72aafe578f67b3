// Package gclid turns outside text into Google click ids and finds the one
// that belongs to an outcome. It owns recognising, repairing and naming the
// damage of gclid, gbraid and wbraid in fields, landing pages and cookies;
// it does not own what a click is (package conversions), nor whether Google
// knows it.
//
// Click ids are opaque and case-sensitive, and a modified one is refused
// (ConversionUploadError.UNPARSEABLE_GCLID, Google Ads API v25: "make sure
// you have not modified the click IDs"). So an id is never altered, except
// for repairs that only take away what a carrier put around it: white space,
// quotes, one percent-encoding, a URL, a cookie, trailing parameters. What
// merely looks cut or lower-cased is sent with a warning, because only Google
// can judge it. What certainly is no id (a placeholder, another network's id,
// text with characters no id has) is never sent.
//
// Everything here is pure, bounded in the length of its input and free of
// panics for any bytes. No result but Click holds text of the input, so that
// results can be logged without their Click.
//
// Start reading at Parse, then Find (one delivery) and Belonging (one lead).
package gclid
