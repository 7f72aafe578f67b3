package sandbox

import "github.com/shenzhencenter/google-ads-pb/services"

type searchService struct {
	services.UnimplementedGoogleAdsServiceServer
	server *Server
}
