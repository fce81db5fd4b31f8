// Package pionlog hands the log lines of the pion libraries to a slog.Logger.
//
// pion logs per packet and per candidate, and its warnings are mostly about conditions that a voice server lives with
// (an address that does not answer, a check that came late). Errors therefore arrive as warnings, warnings and info as
// debug, and debug and trace not at all.
package pionlog

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// Or returns l, or a logger that discards everything if l is nil.
func Or(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// Factory returns a logger factory for pion that writes to l; nil discards.
func Factory(l *slog.Logger) logging.LoggerFactory { return factory{Or(l)} }

type factory struct{ l *slog.Logger }

func (f factory) NewLogger(scope string) logging.LeveledLogger { return leveled{f.l, scope} }

// leveled is a LeveledLogger. The scope is not bound with With: pion makes a dozen loggers per connection, most never write.
type leveled struct {
	l     *slog.Logger
	scope string
}

// log formats only what will be written: pion calls it on every packet.
func (l leveled) log(level slog.Level, format string, args []any) {
	if !l.l.Enabled(context.Background(), level) {
		return
	}
	l.l.Log(context.Background(), level, fmt.Sprintf(format, args...), "pion", l.scope)
}

func (l leveled) Trace(string)          {}
func (l leveled) Tracef(string, ...any) {}
func (l leveled) Debug(string)          {}
func (l leveled) Debugf(string, ...any) {}

func (l leveled) Info(msg string)                   { l.log(slog.LevelDebug, "%s", []any{msg}) }
func (l leveled) Infof(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }
func (l leveled) Warn(msg string)                   { l.log(slog.LevelDebug, "%s", []any{msg}) }
func (l leveled) Warnf(format string, args ...any)  { l.log(slog.LevelDebug, format, args) }
func (l leveled) Error(msg string)                  { l.log(slog.LevelWarn, "%s", []any{msg}) }
func (l leveled) Errorf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }
