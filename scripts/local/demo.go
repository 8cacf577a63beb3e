package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json"

	"sotercall/internal/emulator"
	"sotercall/internal/sandbox"
)

// Users of the demo.
const (
	alice = "oDemo-Alice_0000000000000001"
	bob   = "oDemo-Bob___0000000000000002"
	eve   = "oDemo-NeverSeen_000000000003"
)

// scene is one case of the demo: an event, and what must come back.
type scene struct {
	title string
	event sandbox.Signed
	isOK  bool
	code  int
}

// demo shows every scene on both platforms. It fails when an answer is not what
// it must be.
func demo(ctx context.Context, flags *flag.FlagSet, args []string, stdout, stderr io.Writer) (err error) {
	verbose := flags.Bool("v", false, "show the functions' log on stderr")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := settings{addr: "127.0.0.1:0", log: io.Discard, platforms: emulator.Platforms}
	if *verbose {
		s.log = stderr
	}
	w, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	t := &teller{out: stdout}

	t.say("A phone signs, WeChat (here: the sandbox) judges, the function answers.\n")
	scenes, err := scenes(w.sandbox)
	if err != nil {
		return err
	}
	for _, s := range scenes {
		for _, platform := range platforms(w) {
			if err := t.play(ctx, s, platform); err != nil {
				return err
			}
		}
	}
	t.say("\nFor these %d questions the token function fetched %d access_token from WeChat.\n",
		t.answers, w.sandbox.Requests("/cgi-bin/stable_token"))

	s.challenges, s.binaries = true, w.binaries
	strict, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, strict.close()) }()
	t.say("With CHALLENGE_SECRET set, the signature must answer our question, once.\n")
	if err := challengeScenes(ctx, strict, t); err != nil {
		return err
	}

	t.say("\n%d answers, %d of them not as they must be.\n", t.answers, t.wrong)
	if t.wrong > 0 {
		return errFailed
	}
	return nil
}

// platform is where a function runs.
type platform struct {
	name      string
	functions map[string]emulator.Runtime
}

func platforms(w *world) (all []platform) {
	for _, p := range emulator.Platforms {
		all = append(all, platform{p.Name, w.hosted[p.Name]})
	}
	return all
}

// teller prints what happens, and counts.
type teller struct {
	out            io.Writer
	answers, wrong int
}

func (t *teller) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *teller) play(ctx context.Context, s scene, on platform) error {
	answer, ok, err := s.play(ctx, on.functions["verify"])
	if err != nil {
		return err
	}
	mark := "as it must be"
	t.answers++
	if !ok {
		mark = "WRONG"
		t.wrong++
	}
	t.say("%-28s %-6s  %s  %s", s.title, on.name, answer, mark)
	return nil
}

// scenes signs what the demo shows.
func scenes(s *sandbox.Sandbox) ([]scene, error) {
	genuine := map[sandbox.Device]sandbox.Signed{}
	for _, device := range []sandbox.Device{sandbox.Android, sandbox.Huawei, sandbox.IOS} {
		phone, err := s.Phone(alice, device)
		if err != nil {
			return nil, err
		}
		if genuine[device], err = phone.Sign("demo-challenge-" + string(device)); err != nil {
			return nil, err
		}
	}
	bobsPhone, err := s.Phone(bob, sandbox.Android)
	if err != nil {
		return nil, err
	}
	bobs, err := bobsPhone.Sign("demo-challenge-bob")
	if err != nil {
		return nil, err
	}
	alicesPhone, err := s.Phone(alice, sandbox.Android)
	if err != nil {
		return nil, err
	}
	pkcs1, err := alicesPhone.SignPKCS1v15("demo-challenge-pkcs1")
	if err != nil {
		return nil, err
	}

	change := func(f func(*sandbox.Signed)) sandbox.Signed {
		event := genuine[sandbox.Android]
		f(&event)
		return event
	}
	return []scene{
		{"genuine, Android", genuine[sandbox.Android], true, 0},
		{"genuine, Huawei", genuine[sandbox.Huawei], true, 0},
		{"genuine, iOS", genuine[sandbox.IOS], true, 0},
		{"wrong openid", change(func(e *sandbox.Signed) { e.OpenID = eve }), false, 40003},
		{"byte of jsonString changed", change(func(e *sandbox.Signed) { e.JSONString = strings.Replace(e.JSONString, "demo", "dem0", 1) }), false, 0},
		{"byte of signature changed", change(func(e *sandbox.Signed) { e.JSONSignature = changeByte(e.JSONSignature) }), false, 0},
		{"another user's key", change(func(e *sandbox.Signed) { e.JSONString, e.JSONSignature = bobs.JSONString, bobs.JSONSignature }), false, 0},
		{"PKCS #1 v1.5 signature", pkcs1, false, 0},
	}, nil
}

// changeByte replaces one character in the middle of a base64 text by another.
func changeByte(text string) string {
	b := []byte(text)
	if i := len(b) / 2; b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// play invokes the function and compares its answer with what it must be.
func (s scene) play(ctx context.Context, runtime emulator.Runtime) (answer []byte, ok bool, err error) {
	event, err := json.Marshal(s.event)
	if err != nil {
		return nil, false, err
	}
	got, err := runtime.Invoke(ctx, emulator.Call{Payload: event})
	if err != nil {
		return nil, false, err
	}
	var said struct {
		IsOK    *bool  `json:"isOk"`
		ErrMsg  string `json:"errMsg"`
		ErrCode *int   `json:"errCode"`
	}
	if err := json.Unmarshal(got.Payload, &said); err != nil || said.IsOK == nil || said.ErrCode == nil {
		return bytes.TrimSpace(got.Payload), false, nil
	}
	ok = got.FunctionError == "" && *said.IsOK == s.isOK && *said.ErrCode == s.code &&
		(said.ErrMsg == "openapi.soter.verifySignature:ok") == (s.code == 0)
	return got.Payload, ok, nil
}
