package config

import (
	"regexp"

	"closeloop/conversions"
)

// endpoints checks where the two APIs are, and that the one the account
// uploads through is not reached unencrypted but on this machine.
func (c *checker) endpoints(path string, a Account) {
	uploads, setting := a.Endpoint, "endpoint"
	if a.API == conversions.APIDataManager {
		uploads, setting = a.DataManagerEndpoint, "data_manager_endpoint"
	}
	if uploads != "" && local(uploads) && a.Mode == conversions.ModeLive {
		c.warn(path+"."+setting, "conversions go to this machine and not to Google", "delete the line to upload to Google")
	}
	if !c.endpoint(path+".endpoint", a.Endpoint) || !c.endpoint(path+".data_manager_endpoint", a.DataManagerEndpoint) || !a.Plaintext {
		return
	}
	at := path + ".plaintext"
	switch {
	case uploads == "":
		c.reject(at, "Google is not reached without encryption", "delete the line, or set "+setting+" to the sandbox on this machine")
	case !local(a.Endpoint) || !local(a.DataManagerEndpoint):
		c.reject(at, "plain text is allowed to a loopback address only", "delete the line, or set the endpoint to 127.0.0.1 or localhost")
	}
}

// endpoint checks one of them; ok is false when it is no address.
func (c *checker) endpoint(at, address string) (ok bool) {
	if address == "" {
		return true
	}
	if _, fault := hostPort(address, false); fault != nil {
		c.refuse(at, address, fault.what, fault.hint)
		return false
	}
	return true
}

// local reports whether an endpoint is on this machine, or not given.
func local(address string) bool {
	host, _ := hostPort(address, false)
	return address == "" || loopback(host)
}

// dataManager checks what only the Data Manager API knows, and warns of what
// means nothing to the API the account uploads through.
func (c *checker) dataManager(path string, a Account) {
	if a.EventSource != "" {
		c.oneOf(path+".event_source", a.EventSource, EventSources()...)
	}
	project := a.Credentials.QuotaProject
	if project != "" && !isProject(project) {
		c.refuse(path+".credentials.quota_project", project, "is not the id of a Google Cloud project", "copy the project's id, not its name, from the Google Cloud console")
	}
	if a.API == conversions.APIDataManager {
		if !a.Credentials.DeveloperToken.IsZero() {
			c.warn(path+".credentials.developer_token", "the Data Manager API takes no developer token",
				"it is still sent with corrections of what was uploaded through the Google Ads API; without any, delete it")
		}
		return
	}
	const hint = "it counts only for what was uploaded through the Data Manager API"
	if a.KeepValue {
		c.warn(path+".withdraw_as_zero", "the Google Ads API retracts and does not ask", hint)
	}
	if a.EventSource != "" && a.EventSource != DefaultEventSource {
		c.warn(path+".event_source", "the Google Ads API has no event source", hint)
	}
	if project != "" {
		c.warn(path+".credentials.quota_project", "requests to the Google Ads API name no quota project", hint)
	}
}

// isProject reports whether text can name a Google Cloud project: its id, with
// a domain before it in old ones, or its number (Resource Manager v3,
// Project.projectId).
func isProject(text string) bool {
	return regexp.MustCompile(`^([a-z0-9.-]{1,100}:)?[a-z0-9][a-z0-9-]{4,28}[a-z0-9]$`).MatchString(text)
}
