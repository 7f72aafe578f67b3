package storetest

import (
	"encoding/json"
	"strings"

	"closeloop/conversions"
)

func forgets(w *world) {
	e := w.tagged("L1", "booked")
	e.Person.Contact, e.Person.EmailHash, e.Person.PhoneHash = "secret-contact", "secret-email", "secret-phone"
	w.add(e)
	w.booked("L2", "L1")
	b := w.begin(w.row("L1"))
	w.settle(b, conversions.Answer{Verdict: conversions.Done})
	rows, ledger := w.rows(), w.ledger()
	secrets := []string{click("L1"), "secret-contact", "secret-email", "secret-phone"}
	text, err := json.Marshal(ledger)
	w.must(err)
	for _, secret := range secrets {
		if strings.Contains(string(text), secret) {
			w.Error("the ledger holds what identifies a person")
		}
	}
	n, err := w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("side rows", 2, n)
	n, err = w.s.Forget(w.Context(), account, source, "L1")
	w.must(err)
	w.same("side rows the second time", 0, n)
	w.same("rows", rows, w.rows())
	w.same("ledger", ledger, w.ledger())
	h, err := w.s.History(w.Context(), account, w.row("L1").ID)
	w.must(err)
	w.same("events stay", 2, len(h.Events))
	for _, e := range h.Events {
		w.same("side row", conversions.Person{}, e.Person)
	}
	found, err := w.s.List(w.Context(), conversions.Filter{ClickID: click("L1")})
	w.must(err)
	w.same("rows found by the click id", 0, len(found))
	w.same("another lead's click id", click("L2"), w.begin(w.row("L2")).Items[0].ClickID)
	rebuilt := conversions.Row{}
	for _, e := range h.Entries {
		rebuilt = rebuilt.Apply(e)
	}
	w.same("rebuilt", h.Row, rebuilt)
}
