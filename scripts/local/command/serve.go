package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"sotercall/internal/upstream"
	"sotercall/scripts/local/playground"
)

// serve keeps everything running until ctx ends.
func serve(ctx context.Context, i invocation) (err error) {
	addr := i.text("addr", "127.0.0.1:9000")
	timeout := i.duration("timeout", 10*time.Second)
	permissions := i.text("config", "")
	containers := i.flags.Bool("containers", false, i.usage("containers", upstream.DockerHost))
	challenges := i.boolean("challenges")
	phones := i.text("phones", "")
	if _, err := i.parse(0); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(*addr); err != nil {
		return i.wrong(errors.New(i.Say("usage.addr", err)))
	}
	folder, err := i.phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	var config []byte
	if *permissions != "" {
		if config, err = os.ReadFile(*permissions); err != nil {
			return fmt.Errorf("-config: %w", err)
		}
	}
	s := settings{addr: *addr, pages: playground.Pages, config: config, phones: folder, log: i.err, timeout: *timeout, challenges: *challenges, progress: newProgress(i.err, i.Table)}
	if s.containers, err = containersHere(*containers, i.err); err != nil {
		return err
	}
	w, err := listen(s)
	if taken := (*net.OpError)(nil); errors.As(err, &taken) && taken.Op == "listen" {
		return errors.New(i.Say("usage.listen", err))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	play, err := w.play(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, play.Close()) }()
	fmt.Fprintln(i.out, i.Say("serve.open", w.base, w.base))
	if err := w.startAll(ctx, s); err != nil {
		return err
	}
	play.Ready(stage{w})
	printBanner(i.out, i.Table, w.base)
	<-ctx.Done()
	return nil
}
