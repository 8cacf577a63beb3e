package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// demo shows every case on every platform. It fails when an answer is not what it
// must be.
func demo(ctx context.Context, i invocation) (err error) {
	verbose, logged := i.boolean("v"), i.boolean("vv")
	if _, err := i.parse(0); err != nil {
		return err
	}
	s := settings{addr: "127.0.0.1:0", log: io.Discard, progress: newProgress(i.err, i.Table)}
	if *logged {
		s.log = i.err
	}
	t := &table{Table: i.Table, out: i.out, colours: coloursOf(i.out), verbose: *verbose || *logged}
	t.begin()
	w, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()

	return show(ctx, w, t)
}

// show plays all cases, and fails when one answer is wrong.
func show(ctx context.Context, w *world, t *table) error {
	if err := play(ctx, w, t); err != nil {
		return err
	}
	t.end(w.sandbox.Requests("/cgi-bin/stable_token"))
	if t.wrong > 0 {
		return errFailed
	}
	return nil
}

// play sends the requests of all cases, and shows the responses.
func play(ctx context.Context, w *world, t *table) error {
	cases, err := cases(w.sandbox)
	if err != nil {
		return err
	}
	for i, c := range cases {
		if i == 0 || c.heading != cases[i-1].heading {
			t.heading(c.heading)
		}
		var cells []cell
		for _, p := range platforms {
			answered, err := c.ask(ctx, w, p, t.Table)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", c.name, p.title, err)
			}
			cells = append(cells, answered)
		}
		t.row(c, cells)
	}
	return nil
}
