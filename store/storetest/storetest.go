// Package storetest is the suite that every implementation of store.Store
// passes: each sentence of the contract is a case, driven from outside.
//
// It owns no expectations of an engine's own, such as file modes or full
// disks; those are the implementation's tests. Start reading at Run; a new
// implementation calls Main from its TestMain and Run from one test.
package storetest

import (
	"context"
	"os"
	"testing"

	"closeloop/store"
)

// Driver is an implementation under test.
type Driver struct {
	// New makes an empty database that lasts as long as the test, and returns
	// its name: whatever Open needs to find it, also from another process.
	New func(t *testing.T) string
	// Open opens the database of that name. Opened twice, the handles behave
	// as two processes do.
	Open func(ctx context.Context, name string) (store.Store, error)
	// OpenContacts is Open for a store that keeps the clicks of contacts.
	OpenContacts func(ctx context.Context, name string) (store.Store, error)
}

// Main runs the tests of a package. When the suite has started the test binary
// as its second process, it plays that part instead. It returns the exit code.
func Main(m *testing.M, d Driver) int {
	if part := os.Getenv(partVariable); part != "" {
		return play(d, part, os.Getenv(nameVariable))
	}
	return m.Run()
}

// Run runs every case, each on a database of its own.
func Run(t *testing.T, d Driver) {
	t.Helper()
	for name, test := range cases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newWorld(t, d))
		})
	}
}

func cases() map[string]func(*world) {
	return map[string]func(*world){
		"an event comes back whole":                    eventWhole,
		"what was answered survives a reopen":          durable,
		"a copy holds the same and goes on":            copies,
		"a copy goes into an empty database only":      copiesIntoEmpty,
		"a copy that was cut short is refused":         copyCutShort,
		"an open store is ready, a closed one is not":  ready,
		"same source and body is a duplicate":          duplicates,
		"a thousand at once are each stored once":      thousandAtOnce,
		"a delivery given up is not stored":            givenUp,
		"a bad delivery does not fail its neighbours":  badNeighbour,
		"quarantine lists, shows and purges":           quarantine,
		"a quarantined delivery is given up":           quarantineGivenUp,
		"a quarantined delivery is read after all":     quarantineRetried,
		"what cannot be decided changes nothing":       quarantineRefused,
		"what is read after all has a contact":         quarantineOfContact,
		"a second process reads and writes beside":     secondProcess,
		"what a killed process answered is there":      killedProcess,
		"a lease is exclusive until it expires":        leaseExclusive,
		"a lease is renewed while held":                leaseRenewed,
		"a lost lease writes nothing":                  leaseLost,
		"one of many advances a plan":                  planAdvances,
		"unfolded leads come oldest first and whole":   unfoldedOrder,
		"an event between reading and deciding stays":  inboxNotLost,
		"leads with odd names are told apart":          unfoldedNames,
		"a lead never tagged is not to be folded":      untaggedRest,
		"deciding creates and changes rows":            decides,
		"a row is found by the click id wanted now":    clickFollows,
		"a row is listed by the time wanted now":       timeFollows,
		"entries of another account are refused":       foreignEntries,
		"entries of one call build on each other":      recordsInTurn,
		"refold asks once for what was never sent":     refolds,
		"due rows come in order":                       dueOrder,
		"due leaves out what is in flight or excluded": dueWithout,
		"rows between those answered stay due":         dueBetween,
		"begin moves equal seconds apart":              beginApart,
		"a claim of one operation leaves out others":   dueOnly,
		"an adjustment goes where the upload went":     dueWhereUploaded,
		"begin keeps adjustments as they are":          beginAdjusts,
		"adjustments take no second":                   adjustsTakeNoSecond,
		"a change at Google is shown":                  changeShown,
		"a retraction that came too late is noticed":   retractedLate,
		"a retraction between fold and decision, too":  retractedMeanwhile,
		"a notice of a retraction is not taken off":    retractedTwice,
		"accepted uploads are counted since a time":    uploadsCounted,
		"the last answers are those of uploads":        lastAnswers,
		"facts are kept until replaced":                facts,
		"leads come in pages and whole":                leadsPaged,
		"leads are selected by receipt":                leadsWithin,
		"one lead is selected":                         leadAlone,
		"clicks of a contact come newest first":        contactClicks,
		"clicks of a contact are gathered later":       contactsGathered,
		"forgetting erases clicks of a contact":        contactForgotten,
		"a click of a contact wakes its leads":         contactWakes,
		"a tag being folded is woken, too":             contactWakesTagged,
		"clicks of a contact wake leads later":         contactWakesLate,
		"a forgotten lead is woken by no contact":      contactWakesNoMore,
		"a forgotten contact is not told anew":         contactForgottenTwice,
		"begin returns the batch as stored":            beginStored,
		"a batch without an answer is found again":     unansweredFound,
		"sending again counts":                         sendsAgain,
		"settling applies to the row as it is now":     settlesChanged,
		"settling twice is not found":                  settlesOnce,
		"rows without an entry are free again":         settlesPartly,
		"a status is asked for when it is due":         pollsDue,
		"a status is asked for again or no more":       polledAgain,
		"what is not asked for has no status":          polledUnasked,
		"a status applies to the row as it is now":     polledChanged,
		"a retraction processed late is noticed":       polledRetracted,
		"answers told later count as answers":          answersToldLater,
		"what is being processed counts as sent":       submittedIsSent,
		"what a test account left waits for new rules": leftByTheTest,
		"a history tells of statuses":                  historyOfPolls,
		"recording closes rows":                        records,
		"pauses are kept and told once":                pauses,
		"filters select":                               filters,
		"a list continues where it ended":              listContinues,
		"totals are the sums of lists":                 totals,
		"windows over all accounts are their rows":     windowsOfAll,
		"lists over all accounts come in pages":        listsOfAll,
		"twins are one contact's job on two calls":     twinsFound,
		"what was taken back is no twin":               twinsOver,
		"what somebody else retracted is no twin":      twinsRetracted,
		"received counts events":                       received,
		"a history is complete and in order":           historyWhole,
		"a history tells of calls that failed":         historyOfFailures,
		"the ledger is read in pages":                  ledgerPages,
		"the ledger alone rebuilds every row":          rebuilds,
		"forgetting erases the person only":            forgets,
		"accounts are those with events":               accounts,
		"accounts are kept apart":                      accountsApart,
	}
}
