// Package googleauth gets access tokens for Google's APIs: from a refresh token, a service account's key or the application
// default.
//
// It owns the credentials and what may be said of them, the one token that is kept, and what it means for rows when there
// is none. It does not own the APIs that are called with it. Start reading at [Tokens.Token].
package googleauth
