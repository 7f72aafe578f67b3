// Package varda verifies and reads the webhooks of Varda
// (docs.tryvarda.com/webhooks, as of November 2026).
//
// It owns Varda's signature scheme and payload: which members are read, what
// makes a delivery unreadable, and that nothing else leaves Read. It does not
// answer requests; package webhook does. Start reading at Source.Read.
package varda
