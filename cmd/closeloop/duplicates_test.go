package main

import (
	"net/http"
	"testing"
)

// TestPossibleDuplicates: an agent tagged one job on two calls of a contact.
func TestPossibleDuplicates(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	server, url := l.serve(t)
	none := l.does(t, exitOK, "audit duplicates", `No two outcomes of one contact have the same stage and amount within 30 days\.`)
	post(t, http.DefaultClient, url, tagged(1, 0, "booked", 2500_00, sampleID(1)))
	post(t, http.DefaultClient, url, tagged(2, 9, "booked", 2500_00, sampleID(2)))
	post(t, http.DefaultClient, url, tagged(3, 10, "booked", 2400_00, sampleID(3)))
	l.does(t, exitOK, "run", `done +3`)
	table := l.does(t, exitOK, "audit duplicates", `acme +booked +2500\.00 +USD +2 +2 +done .* +1 +1 +done .* 0h +contact\n`, `Each pair has the same contact, stage and amount within 30 days\.`)
	list := l.does(t, exitOK, "audit list", `2 +booked +done .* May be the same job as outcome 1\.\n`, `1 +booked +done .* May be the same job as outcome 2\.\n`, `3 +booked +done .* Google holds what is wanted\.\n`)
	show := l.does(t, exitOK, "audit show 1", `possible duplicate +outcome 2 \(lead 2\) of .* has the same stage and amount and is of the same contact: one job may be tagged on two calls`)
	asJSON := l.does(t, exitOK, "audit duplicates --format json", `"same": \[\s+"contact"\s+\]`)
	private(t, server.printed()+none+table+list+show+asJSON)

	post(t, http.DefaultClient, url, tagged(2, 11, "spam", 0, sampleID(2)))
	l.does(t, exitOK, "run", `done +1`)
	l.does(t, exitOK, "audit duplicates", `No two outcomes`)
}
