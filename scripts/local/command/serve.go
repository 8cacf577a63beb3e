package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// serve keeps everything running until ctx ends.
func serve(ctx context.Context, i invocation) (err error) {
	addr := i.flags.String("addr", "127.0.0.1:9000", "where to listen; an `address` of this computer only")
	timeout := i.flags.Duration("timeout", 10*time.Second, "of one invocation")
	permissions := i.flags.String("config", "", "config.json, the `file` of a function whose Cloud Calls the gateway permits; without it, all are")
	containers := containersFlag(i.flags)
	challenges := challengesFlag(i.flags)
	phones := phonesFlag(i.flags)
	if _, err := i.parse(0); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(*addr); err != nil {
		return i.wrong(fmt.Errorf("-addr: %w: want one such as 127.0.0.1:9001", err))
	}
	folder, err := phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	var config []byte
	if *permissions != "" {
		if config, err = os.ReadFile(*permissions); err != nil {
			return fmt.Errorf("-config: %w", err)
		}
	}
	s := settings{addr: *addr, config: config, phones: folder, log: i.err, timeout: *timeout, challenges: *challenges, progress: newProgress(i.err)}
	if s.containers, err = containersHere(*containers, i.err); err != nil {
		return err
	}
	w, err := listen(s)
	if taken := (*net.OpError)(nil); errors.As(err, &taken) && taken.Op == "listen" {
		return fmt.Errorf("cannot listen there (%w): choose another address with -addr, such as -addr 127.0.0.1:9001", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	play, err := w.play(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, play.Close()) }()
	fmt.Fprintf(i.out, "Open %[1]s/ in a browser: a phone to press, and what becomes of it.\n%[1]s is WeChat and the phones, too. The functions answer 503 there until they are built.\n", w.base)
	if err := w.startAll(ctx, s); err != nil {
		return err
	}
	play.Ready(stage{w})
	fmt.Fprintf(i.out, banner, w.base, strings.TrimPrefix(w.base, "http://"))
	<-ctx.Done()
	return nil
}

func challengesFlag(flags *flag.FlagSet) *bool {
	return flags.Bool("challenges", false, "verify takes only challenges that the challenge function has issued, and each of them once")
}

const banner = `Serving on %[1]s until Ctrl-C.

A phone signs; what it prints is ready to be an event:
  curl -s %[1]s/sandbox/phone/sign -d '{"openid":"oLocal-User_0000000000000001","challenge":"hello","device":"android"}' > event.json

The function on AWS Lambda (aws lambda invoke --endpoint-url %[1]s works too):
  curl -s %[1]s/2015-03-31/functions/verify/invocations -d @event.json

The same function on Tencent SCF (Tencent Cloud's SDKs work too, with the endpoint %[2]s and http://):
  curl -s %[1]s/scf/functions/verify/invocations -d @event.json

The same in a container of WeChat Cloud Hosting, as a page's wx.cloud.callContainer comes to it; the user is in the path:
  curl -s %[1]s/callContainer/oLocal-User_0000000000000001/openapi/soter/verifySignature -d @event.json

Through an API Gateway HTTP API, as a backend calls it:
  curl -s %[1]s/openapi/soter/verifySignature -d @event.json

A challenge for a user (start with -challenges, and verify takes no others):
  curl -s %[1]s/2015-03-31/functions/challenge/invocations -d '{"openid":"oLocal-User_0000000000000001"}'

The token function, as WeChat's stable_token; base URL for a WeChat SDK: %[1]s/functions
  curl -s %[1]s/functions/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"local-client-secret-is-no-secret"}'

WeChat's own API (the sandbox):
  curl -s %[1]s/cgi-bin/stable_token -d '{"grant_type":"client_credential","appid":"wx5a4db0c55a4db0c5","secret":"sandbox-is-no-secret-sandbox-000"}'

The Cloud Call gateway, for a Node function with wx-server-sdk (README, "Moving over from Node"):
  export TCB_CONTEXT_CNFG='{"URL":"%[1]s/admin"}' SCF_NAMESPACE=local TENCENTCLOUD_SECRETID=any TENCENTCLOUD_SECRETKEY=any WX_CONTEXT_KEYS=WX_API_TOKEN WX_API_TOKEN=ticket-of-the-emulator

What goes wrong at WeChat, on request:
  curl -s %[1]s/sandbox/faults -d '{"path":"/cgi-bin/soter/verify_signature","kind":"errcode","errcode":-1,"times":2}'

`
