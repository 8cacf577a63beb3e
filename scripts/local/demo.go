package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

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
	log := io.Discard
	if *verbose {
		log = stderr
	}
	w, err := open(ctx, settings{addr: "127.0.0.1:0", log: log, lambda: true, scf: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	scenes, err := scenes(w.sandbox)
	if err != nil {
		return err
	}

	fmt.Fprint(stdout, "A phone signs, WeChat (here: the sandbox) judges, the function answers.\n\n")
	begin, wrong := time.Now(), 0
	for _, s := range scenes {
		for _, on := range []struct {
			platform string
			runtime  emulator.Runtime
		}{{"lambda", w.lambda["verify"]}, {"scf", w.scf["verify"]}} {
			answer, ok, err := s.play(ctx, on.runtime)
			if err != nil {
				return err
			}
			mark := "as it must be"
			if !ok {
				mark = "WRONG"
				wrong++
			}
			fmt.Fprintf(stdout, "%-28s %-6s  %s  %s\n", s.title, on.platform, answer, mark)
		}
	}
	fmt.Fprintf(stdout, "\n%d answers in %d ms, %d of them not as they must be.\n",
		2*len(scenes), time.Since(begin).Milliseconds(), wrong)
	if wrong > 0 {
		return errFailed
	}
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
