package main

import (
	"io"
	"log/slog"
	"os"

	"hearth/web/diagnostics"
)

// logFlags say how much the program tells.
type logFlags struct {
	LogLevel string `help:"How much to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
}

// logger writes text. Under systemd the journal adds the time itself, so it is left out there. What was said
// last is kept in recent as well.
func (f logFlags) logger(w io.Writer, recent *diagnostics.Ring) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if os.Getenv("JOURNAL_STREAM") != "" {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	return slog.New(recent.Beside(slog.NewTextHandler(w, options)))
}
