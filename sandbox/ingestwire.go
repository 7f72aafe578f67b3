package sandbox

import "time"

// The messages reachable from IngestEventsRequest, as the discovery document of the Data Manager API v1 (revision
// 20261007) names them. A test holds them against that document.

type ingestRequest struct {
	Consent        *eventConsent   `json:"consent"`
	Destinations   []destination   `json:"destinations"`
	Encoding       encodingWord    `json:"encoding"`
	EncryptionInfo *encryptionInfo `json:"encryptionInfo"`
	Events         []eventSent     `json:"events"`
	ValidateOnly   bool            `json:"validateOnly"`
}

type eventConsent struct {
	AdPersonalization consentWord `json:"adPersonalization"`
	AdUserData        consentWord `json:"adUserData"`
}

type destination struct {
	LinkedAccount        *productAccount `json:"linkedAccount,omitempty"`
	LoginAccount         *productAccount `json:"loginAccount,omitempty"`
	OperatingAccount     *productAccount `json:"operatingAccount,omitempty"`
	ProductDestinationID string          `json:"productDestinationId,omitempty"`
	Reference            string          `json:"reference,omitempty"`
}

type productAccount struct {
	AccountID   string          `json:"accountId,omitempty"`
	AccountType accountTypeWord `json:"accountType,omitempty"`
	Product     productWord     `json:"product,omitempty"`
}

type encryptionInfo struct {
	AwsWrappedKeyInfo  *awsWrappedKeyInfo  `json:"awsWrappedKeyInfo"`
	CoordinatorKeyInfo *coordinatorKeyInfo `json:"coordinatorKeyInfo"`
	GcpWrappedKeyInfo  *gcpWrappedKeyInfo  `json:"gcpWrappedKeyInfo"`
}

type awsWrappedKeyInfo struct {
	EncryptedDek string      `json:"encryptedDek"`
	KekURI       string      `json:"kekUri"`
	KeyType      keyTypeWord `json:"keyType"`
	RoleARN      string      `json:"roleArn"`
}

type coordinatorKeyInfo struct {
	KeyID string `json:"keyId"`
}

type gcpWrappedKeyInfo struct {
	EncryptedDek string      `json:"encryptedDek"`
	KekURI       string      `json:"kekUri"`
	KeyType      keyTypeWord `json:"keyType"`
	WipProvider  string      `json:"wipProvider"`
}

type eventSent struct {
	AdIdentifiers             *adIdentifiers      `json:"adIdentifiers"`
	AdditionalEventParameters []eventParameter    `json:"additionalEventParameters"`
	AppInstanceID             string              `json:"appInstanceId"`
	CartData                  *cartData           `json:"cartData"`
	ClientID                  string              `json:"clientId"`
	Consent                   *eventConsent       `json:"consent"`
	ConversionCount           *float64            `json:"conversionCount"`
	ConversionValue           *float64            `json:"conversionValue"`
	Currency                  string              `json:"currency"`
	CustomVariables           []customVariable    `json:"customVariables"`
	DestinationReferences     []string            `json:"destinationReferences"`
	EventDeviceInfo           *deviceInfo         `json:"eventDeviceInfo"`
	EventLocation             *eventLocation      `json:"eventLocation"`
	EventName                 string              `json:"eventName"`
	EventSource               eventSourceWord     `json:"eventSource"`
	EventTimestamp            *time.Time          `json:"eventTimestamp"`
	ExperimentalFields        []experimentalField `json:"experimentalFields"`
	LastUpdatedTimestamp      *time.Time          `json:"lastUpdatedTimestamp"`
	ThirdPartyUserData        *userData           `json:"thirdPartyUserData"`
	TransactionID             string              `json:"transactionId"`
	UserData                  *userData           `json:"userData"`
	UserID                    string              `json:"userId"`
	UserProperties            *userProperties     `json:"userProperties"`
}

type adIdentifiers struct {
	Dclid                 string            `json:"dclid"`
	EncryptedUserIDs      []encryptedUserID `json:"encryptedUserIds"`
	Gbraid                string            `json:"gbraid"`
	Gclid                 string            `json:"gclid"`
	ImpressionID          string            `json:"impressionId"`
	LandingPageDeviceInfo *deviceInfo       `json:"landingPageDeviceInfo"`
	MatchID               string            `json:"matchId"`
	MobileDeviceID        string            `json:"mobileDeviceId"`
	Ppid                  string            `json:"ppid"`
	SessionAttributes     string            `json:"sessionAttributes"`
	VisitorPpid           string            `json:"visitorPpid"`
	Wbraid                string            `json:"wbraid"`
}

type encryptedUserID struct {
	EncryptedID string               `json:"encryptedId"`
	EntityID    *int64               `json:"entityId,string"`
	EntityType  entityTypeWord       `json:"entityType"`
	Source      encryptionSourceWord `json:"source"`
}

type deviceInfo struct {
	Brand                  string `json:"brand"`
	Browser                string `json:"browser"`
	BrowserVersion         string `json:"browserVersion"`
	Category               string `json:"category"`
	IPAddress              string `json:"ipAddress"`
	LanguageCode           string `json:"languageCode"`
	Model                  string `json:"model"`
	OperatingSystem        string `json:"operatingSystem"`
	OperatingSystemVersion string `json:"operatingSystemVersion"`
	ScreenHeight           *int32 `json:"screenHeight"`
	ScreenWidth            *int32 `json:"screenWidth"`
	UserAgent              string `json:"userAgent"`
}

type eventParameter struct {
	ParameterName string `json:"parameterName"`
	Value         string `json:"value"`
}

type cartData struct {
	CouponCodes              []string   `json:"couponCodes"`
	Items                    []cartItem `json:"items"`
	MerchantFeedLabel        string     `json:"merchantFeedLabel"`
	MerchantFeedLanguageCode string     `json:"merchantFeedLanguageCode"`
	MerchantID               string     `json:"merchantId"`
	TransactionDiscount      *float64   `json:"transactionDiscount"`
}

type cartItem struct {
	AdditionalItemParameters []itemParameter      `json:"additionalItemParameters"`
	ConversionValue          *float64             `json:"conversionValue"`
	CustomVariables          []itemCustomVariable `json:"customVariables"`
	ItemID                   string               `json:"itemId"`
	MerchantFeedLabel        string               `json:"merchantFeedLabel"`
	MerchantFeedLanguageCode string               `json:"merchantFeedLanguageCode"`
	MerchantID               string               `json:"merchantId"`
	MerchantProductID        string               `json:"merchantProductId"`
	Quantity                 *int64               `json:"quantity,string"`
	UnitPrice                *float64             `json:"unitPrice"`
}

type itemParameter struct {
	ParameterName string `json:"parameterName"`
	Value         string `json:"value"`
}

type itemCustomVariable struct {
	DestinationReferences []string `json:"destinationReferences"`
	Value                 string   `json:"value"`
	Variable              string   `json:"variable"`
}

type customVariable struct {
	DestinationReferences []string `json:"destinationReferences"`
	Value                 string   `json:"value"`
	Variable              string   `json:"variable"`
}

type eventLocation struct {
	City             string `json:"city"`
	ContinentCode    string `json:"continentCode"`
	RegionCode       string `json:"regionCode"`
	StoreID          string `json:"storeId"`
	SubcontinentCode string `json:"subcontinentCode"`
	SubdivisionCode  string `json:"subdivisionCode"`
}

type experimentalField struct {
	Field string `json:"field"`
	Value string `json:"value"`
}

type userData struct {
	UserIdentifiers []userIdentifier `json:"userIdentifiers"`
}

type userIdentifier struct {
	Address      *addressInfo `json:"address"`
	EmailAddress string       `json:"emailAddress"`
	PhoneNumber  string       `json:"phoneNumber"`
}

type addressInfo struct {
	AddressLine        string `json:"addressLine"`
	AdministrativeArea string `json:"administrativeArea"`
	City               string `json:"city"`
	FamilyName         string `json:"familyName"`
	GivenName          string `json:"givenName"`
	PostalCode         string `json:"postalCode"`
	RegionCode         string `json:"regionCode"`
}

type userProperties struct {
	AdditionalUserProperties []userProperty   `json:"additionalUserProperties"`
	CustomerType             customerTypeWord `json:"customerType"`
	CustomerValueBucket      valueBucketWord  `json:"customerValueBucket"`
}

type userProperty struct {
	PropertyName string `json:"propertyName"`
	Value        string `json:"value"`
}
