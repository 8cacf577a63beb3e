package wiring

import (
	"log/slog"

	"sotercall/internal/accesstoken"
	"sotercall/internal/function"
	"sotercall/internal/tokenserver"
	"sotercall/internal/wiring/doctor"
)

// Token is the function that provides the access_tokens to all others.
func (o Openers) Token(environment map[string]string, log *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	return newWorld(o, log).token(environment, log, level)
}

func (w *world) token(environment map[string]string, _ *slog.Logger, level *slog.LevelVar) (function.Function, error) {
	s, err := readTokenSettings(environment)
	w.watchFile(s.apps.loaded)
	var caches accesstoken.Apps
	var warm warmer
	if err == nil {
		level.Set(s.LogLevel)
		w.redact.Learn(s.secrets()...)
		w.warnOfCleartext(cleartextHosts(s.apiBases))
		caches, warm, err = w.tokenCaches(s, environment)
	}
	calls := append(tokenServer(s, caches, w.log).Calls(), doctor.Call(func() doctor.Plan { return w.tokenPlan(s) }))
	return function.Function{BasePath: s.BasePath, Calls: calls, Warm: warm, Rebuild: w.token, Health: health(w.store), Notices: w.notices}, err
}

func tokenServer(s tokenSettings, caches accesstoken.Apps, log *slog.Logger) *tokenserver.Server {
	h := &tokenserver.Server{Apps: managed(caches), Clients: clientsOf(s.ClientSecrets, s.apps), Now: WallClock, Log: log}
	if len(s.BearerTokens) > 0 {
		h.Operators = function.Bearer(s.BearerTokens)
	}
	return h
}

// tokenCaches returns the token caches of all apps. With several apps, warm fetches no
// token, because most of them may not be used soon.
func (w *world) tokenCaches(s tokenSettings, environment map[string]string) (_ accesstoken.Apps, warm warmer, err error) {
	in, err := w.open(s.Store, environment)
	if err != nil {
		return nil, nil, err
	}
	hosts := w.at(s.apiBases)
	caches := w.caches(s.apps, tokenSource{hosts: hosts, store: in})
	if len(caches) == 1 {
		warm = caches[s.apps.IDs()[0]].Warm // which looks for the token in the store
		if in != nil && in.Connect != nil {
			warm = together(warm, connecting(in, nil))
		}
		return caches, warm, nil
	}
	return caches, together(w.connecting(hosts), connecting(in, s.apps.IDs())), nil
}
