package journal

import (
	"context"
	"log/slog"
)

// Over returns a log handler that hands each record to another, each string in it passed
// through [Harmless].
func Over(handler slog.Handler) slog.Handler { return over{handler} }

type over struct{ slog.Handler }

// Handle implements [slog.Handler].
func (o over) Handle(ctx context.Context, r slog.Record) error {
	harmless := slog.NewRecord(r.Time, r.Level, Sanitize(r.Message, maxString), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		harmless.AddAttrs(deeply(a))
		return true
	})
	return o.Handler.Handle(ctx, harmless)
}

// WithAttrs implements [slog.Handler].
func (o over) WithAttrs(attrs []slog.Attr) slog.Handler {
	harmless := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		harmless[i] = deeply(a)
	}
	return over{o.Handler.WithAttrs(harmless)}
}

// WithGroup implements [slog.Handler].
func (o over) WithGroup(name string) slog.Handler { return over{o.Handler.WithGroup(name)} }

// deeply is Harmless for an attribute and the group in it.
func deeply(a slog.Attr) slog.Attr {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() != slog.KindGroup {
		return Harmless(nil, a)
	}
	group := make([]slog.Attr, len(a.Value.Group()))
	for i, member := range a.Value.Group() {
		group[i] = deeply(member)
	}
	a.Value = slog.GroupValue(group...)
	return a
}
