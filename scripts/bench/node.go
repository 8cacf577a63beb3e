package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"sotercall/internal/dev/gobuild"
	"sotercall/internal/test/nodemodules"
)

// againstNode compares the starts with those of the official SDK.
func (b *bench) againstNode(ctx context.Context) ([]Figure, error) {
	node, missing := b.node(ctx)
	newcomer, leave, err := b.newcomer()
	if err != nil {
		return nil, err
	}
	defer leave()
	var figures []Figure
	for _, s := range []struct {
		readiness
		ours command
		goal Goal
	}{
		{asksForNext, b.idle(), Goal{Is: Informative}},
		{accepts, newcomer, Goal{AtMost, 1.0 / 40}},
	} {
		f := Figure{Name: s.name, Unit: Milliseconds, Against: "Node.js with wx-server-sdk 4.0.2", Goal: s.goal}
		if missing != nil {
			f.Missing = missing.Error()
			figures = append(figures, f)
			continue
		}
		samples, err := inTurns(ctx, b.nodeStarts,
			func() (float64, error) { return s.until(s.ours, ctx) },
			func() (float64, error) { return s.until(node.command, ctx) })
		if err != nil {
			return nil, err
		}
		figures = append(figures, f.against("Node.js "+node.version+" with wx-server-sdk 4.0.2", samples[0], samples[1], f.Goal))
	}
	return figures, nil
}

type nodeCommand struct {
	command
	version string
}

// node finds Node.js and the SDK, or says what is missing. The SDK is the one that the
// tests in scripts/interop install.
func (b *bench) node(ctx context.Context) (nodeCommand, error) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return nodeCommand{}, fmt.Errorf("%s is not installed", program)
		}
	}
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return nodeCommand{}, fmt.Errorf("node --version: %w", err)
	}
	path, err := exec.LookPath("node")
	if err != nil {
		return nodeCommand{}, err
	}
	root, err := gobuild.ModuleRoot(ctx)
	if err != nil {
		return nodeCommand{}, err
	}
	interop := filepath.Join(root, "scripts", "interop")
	if err := b.haveSDK(ctx, interop); err != nil {
		return nodeCommand{}, err
	}
	return nodeCommand{
		version: strings.TrimPrefix(strings.TrimSpace(string(version)), "v"),
		command: command{
			path:      path,
			arguments: []string{filepath.Join(root, "scripts", "bench", "baseline", "node", "start.js")},
			variables: map[string]string{"WX_SERVER_SDK": filepath.Join(interop, "node_modules", "wx-server-sdk-4.0.2")},
		},
	}, nil
}

// haveSDK installs the SDK in folder if installSDK is set. Otherwise it only reports an
// error if the SDK is missing, because tests may be installing it.
func (b *bench) haveSDK(ctx context.Context, folder string) error {
	if b.installSDK {
		return nodemodules.Install(ctx, folder)
	}
	if !nodemodules.AreInstalled(folder) {
		return errors.New("wx-server-sdk is not installed")
	}
	return nil
}
