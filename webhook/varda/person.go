package varda

import (
	"closeloop/conversions"
	"closeloop/gclid"
	"closeloop/webhook"
)

// person fills in what could identify somebody, and the landing page. E-mail
// address and phone number become hashes here; name, notes and messages are
// not even decoded. What is no address or number is left out. Varda documents
// no consent, so none is claimed.
func (s *Source) person(p *payload, e *conversions.Event) {
	c, a := &p.Data.Contact, &p.Data.Attribution
	e.Person.Contact = string(c.ID)
	if c.Email != "" {
		e.Person.EmailHash = webhook.EmailHash(string(c.Email))
	}
	if c.Phone != "" {
		e.Person.PhoneHash = webhook.PhoneHash(string(c.Phone), s.region)
	}
	e.Person.Clicks, e.Landing = gclid.Find(gclid.Fields{
		GCLID: a.GCLID, GBRAID: a.GBRAID, WBRAID: a.WBRAID, Landing: a.Landing,
	})
}
