package config

import (
	"crypto/tls"

	"go.yaml.in/yaml/v3"

	"closeloop/conversions"
)

func (r *reader) config(node *yaml.Node, cfg *Config) {
	o := r.object("", node, sectionTop)
	r.database(o, &cfg.Database)
	if listen, ok := o.child("listen", sectionListen); ok {
		r.listen(listen, &cfg.Listen)
	}
	set(o, "schedule_spread", &cfg.SpreadWindow, parseDuration)
	set(o, "replicas", &cfg.Replicas, parseReplicas)
	if retention, ok := o.child("retention", sectionRetention); ok {
		set(retention, "quarantine", &cfg.Retention.Quarantine, parseDuration)
	}
	paths, nodes := o.list("sources")
	for i, path := range paths {
		cfg.Sources = append(cfg.Sources, source(r.object(path, nodes[i], sectionSource)))
	}
	paths, nodes = o.list("accounts")
	for i, path := range paths {
		cfg.Accounts = append(cfg.Accounts, account(r.object(path, nodes[i], sectionAccount)))
	}
}

// database reads where things are kept. An address may hold a password: then
// the file it is written in holds a secret.
func (r *reader) database(o object, into *Database) {
	set(o, "database", into, parseDatabase)
	if into.SQLite != "" {
		into.SQLite = r.resolved(into.SQLite)
	}
	if _, expanded := r.raw["database"]; !expanded && hasPassword(into.Postgres) {
		r.holdsSecret(r.file, "database")
	}
}

func (r *reader) listen(o object, into *Listen) {
	word(o, "address", &into.Address)
	set(o, "drain", &into.Drain, parseDuration)
	files, ok := o.child("tls", sectionTLS)
	if !ok {
		return
	}
	cert, certFile, certOK := files.content("cert")
	key, keyFile, keyOK := files.content("key")
	into.TLS = TLS{Cert: certFile, Key: keyFile}
	if !certOK || !keyOK {
		return // reported, or only one given, which the check reports
	}
	r.holdsSecret(keyFile, files.at("key"))
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		r.fail(files.path, 0, "certificate and key do not load: "+err.Error(), "both must be PEM files and belong together")
	}
}

func source(o object) Source {
	var s Source
	word(o, "name", &s.Name)
	word(o, "key", &s.Key)
	word(o, "type", &s.Type)
	word(o, "account", &s.Account)
	s.Secrets = o.secrets("secrets")
	set(o, "tolerance", &s.Tolerance, parseDuration)
	word(o, "phone_region", &s.PhoneRegion)
	return s
}

func account(o object) Account {
	a := NewAccount()
	word(o, "name", &a.Name)
	set(o, "customer", &a.Customer, parseCustomer)
	set(o, "login_customer", &a.LoginCustomer, parseCustomer)
	word(o, "api", &a.API)
	word(o, "mode", &a.Mode)
	word(o, "schedule", &a.Schedule)
	set(o, "zone", &a.Zone, parseZone)
	word(o, "currency", &a.Currency)
	word(o, "consent", &a.Consent)
	a.Hold = DefaultHold(a.API)
	set(o, "hold", &a.Hold, parseDuration)
	set(o, "settle", &a.Settle, parseDuration)
	set(o, "click_wait", &a.ClickWait, parseDuration)
	set(o, "match_contact", &a.MatchContact, parseBool)
	set(o, "withdraw_wait", &a.WithdrawWait, parseDuration)
	set(o, "withdraw_denied", &a.WithdrawDenied, parseBool)
	asZero := true
	set(o, "withdraw_as_zero", &asZero, parseBool)
	a.KeepValue = !asZero
	word(o, "event_source", &a.EventSource)
	set(o, "upload_from", &a.UploadFrom, parseFrom(a.Zone))
	word(o, "on_booked", &a.OnBooked)
	a.Stages = stages(o)
	word(o, "endpoint", &a.Endpoint)
	word(o, "data_manager_endpoint", &a.DataManagerEndpoint)
	set(o, "plaintext", &a.Plaintext, parseBool)
	if c, ok := o.child("credentials", sectionCredentials); ok {
		credentials(c, &a)
	}
	return a
}

func stages(o object) map[conversions.Stage]conversions.StageRules {
	found := map[conversions.Stage]conversions.StageRules{}
	all, _ := o.child("stages", sectionStages)
	for _, stage := range conversions.Stages() {
		one, ok := all.child(string(stage), sectionStage)
		if !ok {
			continue
		}
		found[stage] = stageRules(one, stage)
	}
	return found
}

func stageRules(o object, stage conversions.Stage) conversions.StageRules {
	rules := conversions.StageRules{ValueOrder: conversions.DefaultValueOrder(), Missing: conversions.MissingSkip}
	if stage == conversions.StageBooked {
		rules.Share = conversions.Whole // a quote and a booking may not both count in full, so quoted has no default
	}
	word(o, "action", &rules.Action)
	set(o, "share", &rules.Share, parseShare)
	set(o, "minimum", &rules.Minimum, parseMoney)
	word(o, "missing_value", &rules.Missing)
	set(o, "look_back", &rules.LookBack, parseDuration)
	if o.has("look_back") && rules.LookBack == 0 && !o.r.broken[o.at("look_back")] {
		o.r.fail(o.at("look_back"), 0, "0s is out of bounds", span(day, maxLookBack)) // as a value it is the default
	}
	if order := words[conversions.ValueField](o, "value_order"); len(order) > 0 {
		rules.ValueOrder = order
	}
	rules.WithdrawnBy = conversions.DefaultWithdrawnBy(stage)
	if by := words[conversions.Outcome](o, "withdrawn_by"); by != nil {
		rules.WithdrawnBy = by
	}
	return rules
}

// words reads a list of words; nil when there is no list, which an empty one
// is not.
func words[T ~string](o object, key string) []T {
	paths, nodes := o.list(key)
	if paths == nil {
		return nil
	}
	found := make([]T, 0, len(paths))
	for i, path := range paths {
		if text, ok := o.r.scalar(path, nodes[i]); ok {
			found = append(found, T(text))
		}
	}
	return found
}
