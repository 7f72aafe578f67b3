package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

type searchService struct {
	services.UnimplementedGoogleAdsServiceServer
	server *Server
}

// Search implements the method of the Google Ads API v25. All rows come on one page.
func (u *searchService) Search(
	ctx context.Context, req *services.SearchGoogleAdsRequest,
) (*services.SearchGoogleAdsResponse, error) {
	c := u.server.newCall(services.GoogleAdsService_Search_FullMethodName, OnSearch, req.GetCustomerId())
	c.record.ValidateOnly = req.GetValidateOnly()
	return serve(ctx, c, func() (*services.SearchGoogleAdsResponse, error) {
		if req.GetPageSize() != 0 {
			return nil, &refusedError{
				code:    requestCode(adserrors.RequestErrorEnum_PAGE_SIZE_NOT_SUPPORTED),
				message: "Setting the page size is not supported.", path: "page_size",
			}
		}
		if req.GetPageToken() != "" {
			return nil, &refusedError{
				code:    requestCode(adserrors.RequestErrorEnum_INVALID_PAGE_TOKEN),
				message: "Page token is invalid.", path: "page_token",
			}
		}
		rows, mask, err := c.search(req.GetQuery())
		if err != nil || req.GetValidateOnly() {
			return &services.SearchGoogleAdsResponse{}, err
		}
		return &services.SearchGoogleAdsResponse{Results: rows, FieldMask: mask, TotalResultsCount: int64(len(rows))}, nil
	})
}

// SearchStream implements the method of the Google Ads API v25. All rows come in one message.
func (u *searchService) SearchStream(
	req *services.SearchGoogleAdsStreamRequest, stream grpc.ServerStreamingServer[services.SearchGoogleAdsStreamResponse],
) error {
	c := u.server.newCall(services.GoogleAdsService_SearchStream_FullMethodName, OnSearch, req.GetCustomerId())
	resp, err := serve(stream.Context(), c, func() (*services.SearchGoogleAdsStreamResponse, error) {
		rows, mask, err := c.search(req.GetQuery())
		return &services.SearchGoogleAdsStreamResponse{Results: rows, FieldMask: mask, RequestId: c.record.ID}, err
	})
	if err != nil {
		return err
	}
	return stream.Send(resp) //nolint:wrapcheck // grpc's own status
}

func (c *call) search(text string) ([]*services.GoogleAdsRow, *fieldmaskpb.FieldMask, error) {
	q, err := parseQuery(text)
	if err != nil {
		return nil, nil, err
	}
	var all []*services.GoogleAdsRow
	switch q.from {
	case "customer":
		all = c.customerRows()
	case "conversion_action":
		all = c.actionRows()
	default:
		return nil, nil, refuseQuery(adserrors.QueryErrorEnum_BAD_RESOURCE_TYPE_IN_FROM_CLAUSE,
			"the sandbox has no resource '"+q.from+"' in FROM.")
	}
	if err := q.check(); err != nil {
		return nil, nil, err
	}
	if err := c.server.spend(1); err != nil {
		return nil, nil, err
	}
	rows := []*services.GoogleAdsRow{}
	for _, row := range all {
		if q.matches(row) && (q.limit == 0 || len(rows) < q.limit) {
			rows = append(rows, q.project(row))
		}
	}
	return rows, &fieldmaskpb.FieldMask{Paths: q.fields}, nil
}

// check says whether every field exists, belongs to the resource, and is compared with possible values.
func (q *query) check() error {
	for _, name := range q.fields {
		if _, err := q.resolve(name); err != nil {
			return err
		}
	}
	for _, c := range q.where {
		path, err := q.resolve(c.field)
		if err != nil {
			return err
		}
		if e := path[len(path)-1].Enum(); e != nil {
			for _, v := range c.values {
				if e.Values().ByName(protoreflect.Name(v)) == nil {
					return refuseQuery(adserrors.QueryErrorEnum_BAD_ENUM_CONSTANT, "invalid enum value '"+v+"'.")
				}
			}
		}
	}
	return nil
}

// resolve is the way from GoogleAdsRow to the field called name.
func (q *query) resolve(name string) ([]protoreflect.FieldDescriptor, error) {
	resource, _, _ := strings.Cut(name, ".")
	if resource != q.from && resource != "customer" {
		return nil, refuseQuery(adserrors.QueryErrorEnum_PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE,
			"resource '"+resource+"' can't be selected from '"+q.from+"'.")
	}
	var path []protoreflect.FieldDescriptor
	message := (&services.GoogleAdsRow{}).ProtoReflect().Descriptor()
	for part := range strings.SplitSeq(name, ".") {
		if message == nil || message.Fields().ByName(protoreflect.Name(part)) == nil {
			return nil, refuseQuery(adserrors.QueryErrorEnum_UNRECOGNIZED_FIELD, "unrecognized field '"+name+"'.")
		}
		f := message.Fields().ByName(protoreflect.Name(part))
		path = append(path, f)
		message = f.Message()
	}
	if f := path[len(path)-1]; f.Message() != nil && !f.IsList() {
		return nil, refuseQuery(adserrors.QueryErrorEnum_UNRECOGNIZED_FIELD, "field '"+name+"' can't be selected as a whole.")
	}
	return path, nil
}

func (q *query) matches(row *services.GoogleAdsRow) bool {
	for _, c := range q.where {
		path, err := q.resolve(c.field)
		if err != nil {
			return false
		}
		m, last := descend(row.ProtoReflect(), path)
		text := valueText(m.Get(last), last)
		if slices.ContainsFunc(c.values, func(v string) bool { return strings.EqualFold(v, text) }) == c.not {
			return false
		}
	}
	return true
}

// descend is the message that holds the last field of path.
func descend(m protoreflect.Message, path []protoreflect.FieldDescriptor) (protoreflect.Message, protoreflect.FieldDescriptor) {
	for _, f := range path[:len(path)-1] {
		m = m.Get(f).Message()
	}
	return m, path[len(path)-1]
}

func valueText(v protoreflect.Value, f protoreflect.FieldDescriptor) string {
	if f.Enum() == nil || f.IsList() {
		return v.String()
	}
	if known := f.Enum().Values().ByNumber(v.Enum()); known != nil {
		return string(known.Name())
	}
	return fmt.Sprint(v.Enum())
}

// project copies the selected fields, and the resource name, which Google sends in any case.
func (q *query) project(row *services.GoogleAdsRow) *services.GoogleAdsRow {
	out := &services.GoogleAdsRow{}
	for _, name := range append([]string{q.from + ".resource_name"}, q.fields...) {
		path, err := q.resolve(name)
		if err != nil {
			continue // checked before
		}
		from, last := descend(row.ProtoReflect(), path)
		if !from.Has(last) {
			continue
		}
		to := out.ProtoReflect()
		for _, f := range path[:len(path)-1] {
			to = to.Mutable(f).Message()
		}
		to.Set(last, from.Get(last))
	}
	return out
}
