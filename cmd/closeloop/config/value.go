package config

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"closeloop/conversions"
)

const day = 24 * time.Hour

// parseDuration reads a Go duration that may start with days: 90m, 30d, 1d12h.
func parseDuration(text string) (time.Duration, *mistake) {
	bad := &mistake{what: "is not a length of time", hint: "write a number with its unit: 30s, 10m, 6h, 30d"}
	rest := text
	var days time.Duration
	if count, after, ok := strings.Cut(text, "d"); ok {
		const most = 36_500 // a century; far from overflowing
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil || n > most {
			return 0, bad
		}
		if after == "" {
			return time.Duration(n) * day, nil
		}
		days, rest = time.Duration(n)*day, after
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d > 36_500*day || strings.HasPrefix(rest, "+") {
		return 0, bad
	}
	if d < 0 {
		return 0, &mistake{what: "is negative", hint: bad.hint}
	}
	return days + d, nil
}

// parseShare reads a percentage with at most two decimals, exactly.
func parseShare(text string) (conversions.BasisPoints, *mistake) {
	number, ok := strings.CutSuffix(text, "%")
	hundredths, exact := decimal(strings.TrimSpace(number))
	switch {
	case !ok:
		return 0, &mistake{what: "is not a percentage", hint: `write the percent sign, as in "20%" or "12.5%"`}
	case !exact:
		return 0, &mistake{what: "is not a percentage with at most two decimals", hint: `write it as "20%" or "12.5%"`}
	}
	return conversions.BasisPoints(hundredths), nil
}

// parseMoney reads an amount in major units with at most two decimals,
// exactly.
func parseMoney(text string) (conversions.Cents, *mistake) {
	hundredths, ok := decimal(text)
	if !ok {
		return 0, &mistake{
			what: "is not an amount",
			hint: "write it without currency and thousands separators and with at most two decimals, as in 50 or 49.90",
		}
	}
	return conversions.Cents(hundredths), nil
}

// decimal reads digits, optionally followed by a point and one or two more,
// as hundredths.
func decimal(text string) (hundredths int64, ok bool) {
	const longest = 14 // digits before the point: the hundredths fit 64 bits
	whole, fraction, point := strings.Cut(text, ".")
	if point && fraction == "" || !isDigits(whole) || len(whole) > longest || len(fraction) > 2 {
		return 0, false
	}
	if fraction != "" && !isDigits(fraction) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	return n, err == nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseCustomer reads a customer id with or without its dashes
// (123-456-7890, as Google Ads shows it) as ten digits.
func parseCustomer(text string) (string, *mistake) {
	digits := text
	if len(text) == 12 && text[3] == '-' && text[7] == '-' {
		digits = text[:3] + text[4:7] + text[8:]
	}
	if !isCustomer(digits) {
		return "", &mistake{
			what: "is not a customer id",
			hint: "copy the ten digits from the top right of Google Ads: 123-456-7890 or 1234567890",
		}
	}
	return digits, nil
}

func isCustomer(s string) bool { return len(s) == 10 && isDigits(s) }

// parseReplicas reads how many servers there are.
func parseReplicas(text string) (int, *mistake) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &mistake{what: "is not a number", hint: replicasHint}
	}
	return n, nil
}

// parseZone reads the IANA name of a time zone.
func parseZone(text string) (*time.Location, *mistake) {
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" || text == "" {
		return nil, &mistake{
			what: "is not a time zone",
			hint: "write the IANA name of the zone set in Google Ads, as in America/New_York or Europe/Berlin",
		}
	}
	return zone, nil
}

// parseFrom reads a day, which begins at midnight in zone, or a time with its
// offset.
func parseFrom(zone *time.Location) func(string) (time.Time, *mistake) {
	if zone == nil {
		zone = time.UTC // only to go on finding mistakes: an account needs a zone
	}
	return func(text string) (time.Time, *mistake) {
		if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
			return t, nil
		}
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}, &mistake{
				what: "is neither a day nor a time with its offset",
				hint: "write 2026-11-01, or 2026-11-01T09:00:00-05:00",
			}
		}
		return t, nil
	}
}

func parseBool(text string) (bool, *mistake) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, &mistake{what: "is neither true nor false", hint: "write true or false"}
	}
}

// hostPort reports what keeps text from being host:port with a numeric port;
// an empty host is allowed where anyHost is set.
func hostPort(text string, anyHost bool) (host string, fault *mistake) {
	host, port, err := net.SplitHostPort(text)
	n, numErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numErr != nil || host == "" && !anyHost || strings.ContainsAny(host, "/@?# ") {
		return "", &mistake{what: "is not host:port", hint: "write it like 127.0.0.1:8080, without http://"}
	}
	if n == 0 && !anyHost {
		return "", &mistake{what: "has no port", hint: "write it like 127.0.0.1:8080"}
	}
	return host, nil
}

// loopback reports whether host is this machine without asking a name server.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tokenURL reports what is wrong with the address tokens are fetched from.
// It is not quoted: it may hold a password.
func tokenURL(text string) *mistake {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.User != nil:
		return &mistake{what: "is not the address of a token server", hint: "write it like https://oauth2.googleapis.com/token, or delete the line"}
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return &mistake{what: "would send secrets unencrypted", hint: "write https://; http is allowed to a loopback address only"}
	default:
		return &mistake{what: "must start with https://", hint: "write it like https://oauth2.googleapis.com/token, or delete the line"}
	}
}

// isName reports whether s can be a name or key.
func isName(s string) bool {
	const longest = 63
	return s != "" && len(s) <= longest && s[0] != '_' && s[0] != '-' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// span renders the limits of a duration for a hint.
func span(least, most time.Duration) string {
	return fmt.Sprintf("choose from %s to %s", short(least), short(most))
}

// short renders a duration without needless parts: 1d12h, 6h, 90s.
func short(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	days, rest := d/day, d%day
	text := ""
	if days > 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest == 0 {
		return text
	}
	tail := rest.String()
	if strings.HasSuffix(tail, "m0s") {
		tail = strings.TrimSuffix(tail, "0s")
	}
	if strings.HasSuffix(tail, "h0m") {
		tail = strings.TrimSuffix(tail, "0m")
	}
	return text + tail
}
