package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/need"
	"sotercall/scripts/local/playground"
)

// patience is how long the browser may take for one thing. The slowest answer of
// the page takes three seconds.
const patience = 2 * time.Minute

// servePlayground serves the page. Its functions run as soon as ready is called.
func servePlayground(t *testing.T) (base string, play *playground.Playground, ready func()) {
	t.Helper()
	w, err := listen(settings{addr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, w.close()) })
	play, err = w.play(t.Context(), "")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, play.Close()) })
	return w.base, play, func() {
		w.binaries = functionBinaries(t)
		play.Ready(stage{w})
	}
}

// browser starts Chromium for a test, without the services that would look up
// hosts of its maker.
func browser(t *testing.T) context.Context {
	t.Helper()
	need.CI(t)
	path := need.Program(t, "chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
		chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("font-render-hinting", "none"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// look is how the page is looked at.
type look struct {
	width, height int64
	dark, calm    bool // calm is prefers-reduced-motion
	language      string
}

// tab is a page in a browser, and what it complained of.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string // guarded by mu
}

// newTab opens a tab on the page. At the end of the test, it must have had nothing
// to complain of and must have asked nobody but the server.
func newTab(t *testing.T, browser context.Context, base string, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	tab := &tab{t: t, ctx: ctx, base: base}
	// The tab lives as long as the context of what is first done in it.
	require.NoError(t, chromedp.Do(ctx))
	heard := &sync.WaitGroup{}
	hear(heard, ctx, runtime.ConsoleAPICalled, func(e runtime.EventConsoleAPICalled) {
		text, _ := json.Marshal(e.Args)
		tab.complain(string(text))
	})
	hear(heard, ctx, runtime.ExceptionThrown, func(e runtime.EventExceptionThrown) {
		text, _ := json.Marshal(e.ExceptionDetails)
		tab.complain(string(text))
	})
	hear(heard, ctx, log.EntryAdded, func(e log.EventEntryAdded) { tab.complain(e.Entry.Text) })
	hear(heard, ctx, network.RequestWillBeSent, func(e network.EventRequestWillBeSent) {
		if !strings.HasPrefix(e.Request.URL, base+"/") {
			tab.complain("a request to " + e.Request.URL)
		}
	})
	t.Cleanup(func() {
		cancel()
		heard.Wait()
		assert.Empty(t, tab.complaints)
	})
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}}
	if l.dark {
		media[0].Value = "dark"
	}
	if l.calm {
		media = append(media, &emulation.MediaFeature{Name: "prefers-reduced-motion", Value: "reduce"})
	}
	order(tab, runtime.Enable, cdp.Empty{})
	order(tab, log.Enable, cdp.Empty{})
	order(tab, network.Enable, network.EnableParams{})
	order(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600,
	})
	order(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media})
	tab.do(chromedp.Navigate(base+"/?lang="+l.language), chromedp.WaitReady(chromedp.CSS("#lanes .lane")))
	return tab
}

// hear calls with each event of a kind until the tab is closed.
func hear[E any](heard *sync.WaitGroup, ctx context.Context, event cdp.Event[E], told func(E)) {
	events := chromedp.Events(ctx, event)
	heard.Go(func() {
		for e, err := range events {
			if err != nil {
				return
			}
			told(e)
		}
	})
}

func (tab *tab) complain(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.complaints = append(tab.complaints, text)
}

// inTab runs an action in the tab, and fails the test if that takes too long.
func inTab[T any](tab *tab, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	got, err := chromedp.Run(ctx, action)
	require.NoError(tab.t, err)
	return got
}

// order gives the browser a command of its protocol.
func order[P, R any](tab *tab, command cdp.Command[P, R], params P) R {
	tab.t.Helper()
	return inTab(tab, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, params)
	})
}

func (tab *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	inTab(tab, chromedp.Steps(actions...))
}

// ready waits until the functions are.
func (tab *tab) ready() {
	tab.t.Helper()
	tab.do(chromedp.WaitReady(chromedp.CSS(`#state[data-state="ready"]`)))
}

// whenDone presses something, and waits until the run that it begins has been shown.
func (tab *tab) whenDone(press chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	tab.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("live").textContent = ""; undefined`), press)
	inTab(tab, chromedp.Poll[bool](`document.getElementById("live").textContent !== "" && !("running" in document.body.dataset)`))
}

// press clicks on something that begins a run.
func (tab *tab) press(selector string) {
	tab.t.Helper()
	tab.whenDone(chromedp.Click(chromedp.CSS(selector)))
}

// value is what a script says.
func value[T any](tab *tab, script string) T {
	tab.t.Helper()
	return inTab(tab, chromedp.Evaluate[T](script))
}

func (tab *tab) text(selector string) string {
	tab.t.Helper()
	return inTab(tab, chromedp.TextContent(chromedp.CSS(selector)))
}

// axe is axe-core, which looks for barriers.
func axe(t *testing.T) string {
	t.Helper()
	folder := need.NodeModules(t, "../playground/axe")
	script, err := os.ReadFile(filepath.Join(folder, "node_modules/axe-core/axe.min.js"))
	require.NoError(t, err)
	return string(script)
}
