package sandbox

import adserrors "github.com/shenzhencenter/google-ads-pb/errors"

// One constructor per error family, so that a check reads as the code it answers.

func uploadCode(c adserrors.ConversionUploadErrorEnum_ConversionUploadError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_ConversionUploadError{ConversionUploadError: c}}
}

func adjustCode(c adserrors.ConversionAdjustmentUploadErrorEnum_ConversionAdjustmentUploadError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_ConversionAdjustmentUploadError{ConversionAdjustmentUploadError: c}}
}

// uploadNumber and adjustNumber are 0 for a code of another family.
func uploadNumber(c *adserrors.ErrorCode) int32 { return int32(c.GetConversionUploadError()) }

func adjustNumber(c *adserrors.ErrorCode) int32 { return int32(c.GetConversionAdjustmentUploadError()) }

func authenticationCode(c adserrors.AuthenticationErrorEnum_AuthenticationError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_AuthenticationError{AuthenticationError: c}}
}

func authorizationCode(c adserrors.AuthorizationErrorEnum_AuthorizationError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_AuthorizationError{AuthorizationError: c}}
}

func requestCode(c adserrors.RequestErrorEnum_RequestError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_RequestError{RequestError: c}}
}

func fieldCode(c adserrors.FieldErrorEnum_FieldError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_FieldError{FieldError: c}}
}

func dateCode(c adserrors.DateErrorEnum_DateError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_DateError{DateError: c}}
}

func lengthCode(c adserrors.StringLengthErrorEnum_StringLengthError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_StringLengthError{StringLengthError: c}}
}

func sizeCode(c adserrors.CollectionSizeErrorEnum_CollectionSizeError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_CollectionSizeError{CollectionSizeError: c}}
}

func queryCode(c adserrors.QueryErrorEnum_QueryError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_QueryError{QueryError: c}}
}

func quotaCode(c adserrors.QuotaErrorEnum_QuotaError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_QuotaError{QuotaError: c}}
}

func internalCode() *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_InternalError{
		InternalError: adserrors.InternalErrorEnum_INTERNAL_ERROR,
	}}
}

func notAllowlistedCode() *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_NotAllowlistedError{
		NotAllowlistedError: adserrors.NotAllowlistedErrorEnum_CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE,
	}}
}

func headerCode(c adserrors.HeaderErrorEnum_HeaderError) *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_HeaderError{HeaderError: c}}
}

func partialFailureCode() *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_PartialFailureError{
		PartialFailureError: adserrors.PartialFailureErrorEnum_PARTIAL_FAILURE_MODE_REQUIRED,
	}}
}

func currencyCode() *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_CurrencyCodeError{
		CurrencyCodeError: adserrors.CurrencyCodeErrorEnum_UNSUPPORTED,
	}}
}

func tooLowCode() *adserrors.ErrorCode {
	return &adserrors.ErrorCode{ErrorCode: &adserrors.ErrorCode_RangeError{RangeError: adserrors.RangeErrorEnum_TOO_LOW}}
}
