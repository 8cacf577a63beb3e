package wiring

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"sotercall/internal/accesstoken"
	"sotercall/internal/challenge"
	"sotercall/internal/openapi"
	"sotercall/internal/upstream"
	"sotercall/internal/wechat"
	"sotercall/internal/wiring/doctor"
)

// ServicePlan returns the checks for [Openers.Service] with these variables. The error says
// why it cannot work.
func (o Openers) ServicePlan(environment map[string]string) (doctor.Plan, error) {
	w := newWorld(o, slog.New(slog.DiscardHandler))
	if _, err := w.service(environment, nil, new(slog.LevelVar)); err != nil {
		return doctor.Plan{}, err
	}
	s, err := readVerifySettings(environment)
	if err != nil {
		return doctor.Plan{}, err
	}
	return w.verifyPlan(s), nil
}

// verifyPlan returns the checks for verify, which w has been assembled for.
func (w *world) verifyPlan(s verifySettings) doctor.Plan {
	var p doctor.Plan
	if s.Verifier == "wechat" || len(s.apps.Apps) > 0 {
		p.API, p.TokenServer = s.apiBases, s.tokenBases
	}
	hosts := w.at(s.apiBases)
	from := w.tokenSource(s, hosts, w.store)
	p.Apps = w.checkedApps(s.apps, from, hosts)
	switch {
	case s.Verifier == "cloudcall":
		p.Judge, p.JudgedBy, p.InvocationOnly = w.cloudCall(), "the gateway of Cloud Calls", true
	case s.Verifier == "local":
		p.Judge, p.JudgedBy = w.localKeys(s.AuthKeysFile, w.store), "the key that is enrolled here"
	case !s.fetches():
		mode := s.mode()
		p.Judge, p.JudgedBy = w.platform, mode.judgedBy
		p.InvocationOnly = mode.invocationOnly != nil && mode.invocationOnly()
	}
	p.Store = w.checkedStore(from.store != nil && len(s.apps.Apps) > 0, s.apps, len(s.ChallengeSecret) > 0, true)
	return p
}

// tokenPlan returns the checks for the token function. It verifies nothing: its apps may
// not use SOTER.
func (w *world) tokenPlan(s tokenSettings) doctor.Plan {
	return doctor.Plan{
		API:   s.apiBases,
		Apps:  w.checkedApps(s.apps, tokenSource{hosts: w.at(s.apiBases)}, nil),
		Store: w.checkedStore(true, s.apps, false, false),
	}
}

// isFile reports whether a file exists, readable or not.
func isFile(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// checkedApps returns the apps of set. Each fetches a stable token, whatever its mode, and
// saves none: the instances' tokens stay as they are. api is the API that verifies
// signatures; nil: none does.
func (w *world) checkedApps(set appSet, from tokenSource, api *upstream.Hosts) []doctor.App {
	var all []doctor.App
	for _, one := range set.Apps {
		client, credentials := w.client.ForApp(), wechat.Credentials{AppID: one.ID, AppSecret: one.Secret}
		app := doctor.App{
			ID: one.ID, Tokens: client.StableToken(from.hosts, credentials), Classic: one.Classic && !from.function, ByFunction: from.function,
		}
		if api != nil {
			app.Verifier = func(tokens accesstoken.Source) openapi.Verifier { return client.Verifier(api, tokens) }
		}
		if from.function {
			app.Tokens = client.FunctionToken(from.hosts, credentials)
		}
		all = append(all, app)
	}
	return all
}

// checkedStore returns the store and the function's uses of it; nil if there is none.
func (w *world) checkedStore(tokens bool, set appSet, challenges, counters bool) *doctor.Store {
	in := w.store
	if in == nil {
		return nil
	}
	s := &doctor.Store{Variable: w.opens.chosen().name(), Connect: in.Connect, Hopeless: in.Hopeless, EvictionPolicy: in.EvictionPolicy}
	if ids := set.IDs(); tokens && len(ids) > 0 {
		s.Uses = append(s.Uses, doctor.Use{Name: "read a token", Try: func(ctx context.Context) error {
			_, err := in.Tokens(ids[0]).Load(ctx)
			return err
		}})
	}
	if challenges {
		s.Uses = append(s.Uses, doctor.Use{Name: "consume a challenge", Try: func(ctx context.Context) error {
			use := challenge.Use{Challenge: doctor.Invented(), Keep: time.Minute, Nonce: rand.Text()}
			if first, err := in.Ledger.Consume(ctx, use); err != nil || first {
				return err
			}
			return errors.New("a challenge that was never used counts as consumed")
		}})
	}
	if counters {
		s.Uses = append(s.Uses, doctor.Use{Name: "raise a counter", Try: func(ctx context.Context) error {
			_, err := in.Ledger.Raise(ctx, challenge.Reading{Device: challenge.DevicePseudonym("check"), Counter: 1, Nonce: rand.Text()})
			return err
		}})
	}
	return s
}
