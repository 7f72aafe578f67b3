package sandbox

import (
	"context"
	"strings"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"google.golang.org/grpc/metadata"
)

// admit checks token, headers and customer, in the order Google's answers suggest.
func (c *call) admit(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	login := first(md, "login-customer-id")
	c.record.LoginCustomer = login
	if err := c.checkToken(first(md, "authorization")); err != nil {
		return err
	}
	if login != "" && !customerIDForm.MatchString(login) {
		return refuse(headerCode(adserrors.HeaderErrorEnum_INVALID_LOGIN_CUSTOMER_ID),
			"Invalid login customer id. It must be ten digits without hyphens.")
	}
	if linked := first(md, "linked-customer-id"); linked != "" && !customerIDForm.MatchString(linked) {
		return refuse(headerCode(adserrors.HeaderErrorEnum_INVALID_LINKED_CUSTOMER_ID),
			"Invalid linked customer id. It must be ten digits without hyphens.")
	}
	if !customerIDForm.MatchString(c.record.Customer) {
		return refuse(requestCode(adserrors.RequestErrorEnum_INVALID_CUSTOMER_ID), "Invalid customer ID '"+c.record.Customer+"'.")
	}
	return c.checkCustomer(login)
}

func (c *call) checkToken(header string) error {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok || token == "" {
		return refuse(authenticationCode(adserrors.AuthenticationErrorEnum_OAUTH_TOKEN_HEADER_INVALID),
			"The HTTP authorization header is missing or malformed.")
	}
	s := c.server
	s.mu.Lock()
	g, known := s.tokens[token]
	s.mu.Unlock()
	switch {
	case !known:
		return refuse(authenticationCode(adserrors.AuthenticationErrorEnum_OAUTH_TOKEN_INVALID), "The OAuth token is invalid.")
	case !s.cfg.OAuth.Now().Before(g.expires):
		return expiredRefusal()
	case !g.allows(AdsScope):
		return refuse(authorizationCode(adserrors.AuthorizationErrorEnum_AUTHORIZATION_ERROR),
			"Request had insufficient authentication scopes.")
	}
	c.token = token
	return nil
}

func expiredRefusal() error {
	return refuse(authenticationCode(adserrors.AuthenticationErrorEnum_OAUTH_TOKEN_EXPIRED), "The OAuth token has expired.")
}

func (c *call) checkCustomer(login string) error {
	cu := c.server.customers[c.record.Customer]
	switch {
	case cu == nil:
		return refuse(authenticationCode(adserrors.AuthenticationErrorEnum_CUSTOMER_NOT_FOUND),
			"No customer found for the provided customer id.")
	case cu.LoginCustomer != "" && login == "":
		return refuse(authorizationCode(adserrors.AuthorizationErrorEnum_USER_PERMISSION_DENIED),
			"User doesn't have permission to access customer. The manager's id must be set in the login-customer-id header.")
	case login != "" && login != cu.LoginCustomer && (login != cu.ID || cu.LoginCustomer != ""):
		return refuse(authorizationCode(
			adserrors.AuthorizationErrorEnum_INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION),
			"The login customer does not manage the customer.")
	case cu.Disabled:
		return refuse(authorizationCode(adserrors.AuthorizationErrorEnum_CUSTOMER_NOT_ENABLED),
			"The customer can't be used because it isn't enabled.")
	}
	c.customer = cu
	return nil
}

func first(md metadata.MD, key string) string {
	if v := md.Get(key); len(v) > 0 {
		return v[0]
	}
	return ""
}

// dailyCount counts operations against the day's quota.
type dailyCount struct {
	day  time.Time
	used int
}

// spend takes n operations, or refuses all of them until the next UTC day.
func (s *Server) spend(n int) error {
	quota := s.cfg.Unproven.OperationsPerDay
	if quota == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now().UTC()
	if today := now.Truncate(day); !today.Equal(s.operations.day) {
		s.operations = dailyCount{day: today}
	}
	if s.operations.used+n > quota {
		return quotaRefusal(s.operations.day.Add(day).Sub(now))
	}
	s.operations.used += n
	return nil
}
