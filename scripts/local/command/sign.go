package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/dev/hosting"
	"sotercall/internal/dev/sandbox"
)

// sign prints an event that a phone of the state folder has signed.
func sign(ctx context.Context, i invocation) error {
	openid := i.text("openid", "oLocal-User_0000000000000001")
	challenge := i.text("challenge", "")
	device := i.oneOf("device", names(sandbox.Devices(), func(d sandbox.DeviceInfo) string { return string(d.Device) }), string(sandbox.Android))
	phones := i.text("phones", "")
	if _, err := i.parse(0); err != nil {
		return err
	}
	if *challenge == "" {
		return i.wrong(errors.New(i.Say("usage.challenge")))
	}
	folder, err := i.phonesFolder(ctx, *phones)
	if err != nil {
		return err
	}
	s, err := sandbox.New(sandbox.Options{Dir: folder})
	if err != nil {
		return err
	}
	phone, err := s.Phone(*openid, sandbox.Device(*device))
	if err != nil {
		return err
	}
	signed, err := phone.Sign(*challenge)
	if err != nil {
		return err
	}
	fmt.Fprintf(i.out, "%s\n", hosting.Event(signed))
	return nil
}

// phonesFolder returns the folder that keeps phones between commands. It creates the folder
// if needed, and returns an error if it is not writable.
func (i invocation) phonesFolder(ctx context.Context, given string) (string, error) {
	folder := given
	if folder == "" {
		root, err := gobuild.ModuleRoot(ctx)
		if err != nil {
			return "", err
		}
		folder = filepath.Join(root, ".sandbox")
	}
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(folder, ".probe-"); err == nil {
			_ = probe.Close()
			err = os.Remove(probe.Name())
		}
	}
	if err != nil {
		return "", errors.New(i.Say("usage.phones", folder, err))
	}
	return folder, nil
}
