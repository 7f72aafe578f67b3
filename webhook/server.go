package webhook

import (
	"log/slog"
	"net/http"
	"time"
)

// The limits of Server.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	// writeTimeout counts from the end of the request's header, so it holds
	// the reading of the body and the wait for the store.
	writeTimeout   = readTimeout + DefaultStoreWait + 7*time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// Server returns a server for handler with limits against slow and greedy
// clients that leave a delivery the time it may need. The caller sets Addr,
// starts it and shuts it down.
func Server(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}
