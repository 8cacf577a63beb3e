package main

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRecording records what README shows, if UPDATE_SCREENSHOTS is set: a fingerprint, a
// replay that is refused, and the replay that counts where there are no challenges.
func TestRecording(t *testing.T) {
	if os.Getenv("UPDATE_SCREENSHOTS") == "" {
		t.Skip("UPDATE_SCREENSHOTS=1 records docs/images again")
	}
	b := browser(t)
	base, _, ready := servePlayground(t)
	ready()
	for name, l := range map[string]look{
		"playground.gif":    {width: 1200, height: 760, language: "en"},
		"playground-zh.gif": {width: 1200, height: 760, language: "zh", dark: true},
	} {
		t.Run(name, func(t *testing.T) {
			tab := newTab(t, b, base, l)
			tab.ready()
			tab.press("#sensor")
			tab.press("#attack") // the processes have started
			tab.do(chromedp.Evaluate[chromedp.Void](`sessionStorage.clear(); undefined`), chromedp.Navigate(base+"/?lang="+l.language))
			tab.ready()
			tab.showPointer()
			frames := tab.record(func() {
				inTab(tab, chromedp.Sleep(400*time.Millisecond))
				for _, selector := range []string{"#sensor", `[data-mistake="replay"]`, "#attack"} {
					tab.pointAt(selector)
					tab.press(selector)
					inTab(tab, chromedp.Sleep(1100*time.Millisecond))
				}
			})
			recording := animation(frames)
			var length time.Duration
			for _, delay := range recording.Delay {
				length += time.Duration(delay) * gifTick
			}
			assert.InDelta(t, 10, length.Seconds(), 4, "it lasts about ten seconds")
			var file bytes.Buffer
			require.NoError(t, gif.EncodeAll(&file, recording))
			assert.Less(t, file.Len(), 1<<20, "%s is too large for a page that people open", name)
			require.NoError(t, os.WriteFile(filepath.Join("../../../docs/images", name), file.Bytes(), 0o644))
		})
	}
}

// showPointer draws a pointer, which pictures of a page do not have.
func (tab *tab) showPointer() {
	tab.t.Helper()
	tab.do(chromedp.Evaluate[chromedp.Void](`{
		const dot = document.createElement("div");
		dot.id = "pointer";
		Object.assign(dot.style, {
			position: "fixed", left: "50%", top: "60%", width: "26px", height: "26px", margin: "-13px", zIndex: 9, pointerEvents: "none",
			borderRadius: "50%", background: "#ff7a1a88", border: "2px solid #ff7a1a", transition: "left .5s, top .5s",
		});
		document.body.append(dot);
	} undefined`))
}

// pointAt moves the pointer to the middle of something.
func (tab *tab) pointAt(selector string) {
	tab.t.Helper()
	tab.do(chromedp.Evaluate[chromedp.Void](`{
		const box = document.querySelector(`+strconv.Quote(selector)+`).getBoundingClientRect();
		const { style } = document.getElementById("pointer");
		style.left = box.left + Math.min(box.width / 2, 60) + "px";
		style.top = box.top + box.height / 2 + "px";
	} undefined`), chromedp.Sleep(650*time.Millisecond))
}

// frame is what the page showed at a time.
type frame struct {
	at    time.Time
	image *image.RGBA
}

// record takes pictures of the tab while something is done in it.
func (tab *tab) record(do func()) (frames []frame) {
	tab.t.Helper()
	ctx, stop := context.WithCancel(tab.ctx)
	taken, ended, fast := [][]byte{}, make(chan error, 1), true
	var times []time.Time
	go func() {
		for ctx.Err() == nil {
			shot, err := chromedp.Run(tab.ctx, func(ctx context.Context, target *chromedp.Target) (page.CaptureScreenshotResult, error) {
				return cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{OptimizeForSpeed: &fast})
			})
			if err != nil {
				ended <- err
				return
			}
			taken, times = append(taken, shot.Data), append(times, time.Now())
		}
		ended <- nil
	}()
	do()
	stop()
	require.NoError(tab.t, <-ended)
	for i, data := range taken {
		decoded, err := png.Decode(bytes.NewReader(data))
		require.NoError(tab.t, err)
		pixels := image.NewRGBA(decoded.Bounds())
		draw.Draw(pixels, pixels.Bounds(), decoded, image.Point{}, draw.Src)
		frames = append(frames, frame{times[i], pixels})
	}
	return frames
}

const (
	// gifTick is the unit of a GIF's delays.
	gifTick = 10 * time.Millisecond
	// frameTime is that of one picture: what happens in between is left out.
	frameTime = 80 * time.Millisecond
	// lastTicks is how long the last picture stays.
	lastTicks = 250
)

// animation makes a GIF of frames. Each picture has only what has changed.
func animation(frames []frame) *gif.GIF {
	colours := coloursIn(frames)
	indices := map[color.RGBA]uint8{}
	index := func(c color.RGBA) uint8 {
		i, known := indices[c]
		if !known {
			i = uint8(colours[1:].Index(c) + 1) // the first is transparent
			indices[c] = i
		}
		return i
	}
	g := &gif.GIF{}
	var shown *image.RGBA
	var since time.Time
	for _, f := range frames {
		if shown != nil && f.at.Sub(since) < frameTime {
			continue
		}
		changed := difference(shown, f.image)
		if changed.Empty() {
			continue
		}
		if shown != nil {
			g.Delay[len(g.Delay)-1] = int(f.at.Sub(since) / gifTick)
		}
		picture := image.NewPaletted(changed, colours)
		for y := changed.Min.Y; y < changed.Max.Y; y++ {
			for x := changed.Min.X; x < changed.Max.X; x++ {
				if c := f.image.RGBAAt(x, y); shown == nil || shown.RGBAAt(x, y) != c {
					picture.SetColorIndex(x, y, index(c))
				}
			}
		}
		g.Image, g.Delay = append(g.Image, picture), append(g.Delay, lastTicks)
		g.Disposal = append(g.Disposal, gif.DisposalNone)
		shown, since = f.image, f.at
	}
	return g
}

// difference is the smallest rectangle outside of which two pictures are the same.
func difference(a, b *image.RGBA) (changed image.Rectangle) {
	if a == nil {
		return b.Bounds()
	}
	for y := b.Rect.Min.Y; y < b.Rect.Max.Y; y++ {
		for x := b.Rect.Min.X; x < b.Rect.Max.X; x++ {
			if a.RGBAAt(x, y) != b.RGBAAt(x, y) {
				changed = changed.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return changed
}

// coloursIn are the colours of a GIF: transparent, and the most frequent ones that are not
// nearly the same.
func coloursIn(frames []frame) color.Palette {
	count := map[color.RGBA]int{}
	for _, f := range frames {
		for i := 0; i < len(f.image.Pix); i += 4 {
			p := f.image.Pix[i : i+4]
			count[color.RGBA{p[0], p[1], p[2], p[3]}]++
		}
	}
	frequent := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return cmp.Compare(count[b], count[a]) })
	colours := color.Palette{color.RGBA{}}
	for _, c := range frequent {
		near := slices.ContainsFunc(colours[1:], func(known color.Color) bool { return distance(known.(color.RGBA), c) < 24 })
		if !near {
			colours = append(colours, c)
		}
		if len(colours) == 256 {
			break
		}
	}
	return colours
}

// distance is the square of how far two colours are apart.
func distance(a, b color.RGBA) int {
	square := func(a, b uint8) int { return (int(a) - int(b)) * (int(a) - int(b)) }
	return square(a.R, b.R) + square(a.G, b.G) + square(a.B, b.B)
}

// What a recording shows is what the pictures showed, at the same times.
func TestAnimation(t *testing.T) {
	picture := func(at time.Duration, dot color.RGBA) frame {
		pixels := image.NewRGBA(image.Rect(0, 0, 8, 4))
		draw.Draw(pixels, pixels.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
		pixels.SetRGBA(3, 2, dot)
		return frame{time.Time{}.Add(at), pixels}
	}
	red, blue := color.RGBA{200, 0, 0, 255}, color.RGBA{0, 0, 200, 255}
	g := animation([]frame{picture(0, red), picture(20*time.Millisecond, blue), picture(time.Second, red), picture(2*time.Second, blue)})
	require.Len(t, g.Image, 2)
	assert.Equal(t, []int{200, lastTicks}, g.Delay, "what changed for a moment, and what did not, is left out")
	assert.Equal(t, image.Rect(3, 2, 4, 3), g.Image[1].Bounds())
	assert.Equal(t, blue, g.Image[1].At(3, 2))
	assert.Equal(t, red, g.Image[0].At(3, 2))
	assert.Equal(t, color.RGBA{255, 255, 255, 255}, g.Image[0].At(0, 0))
	require.NoError(t, gif.EncodeAll(&bytes.Buffer{}, g))
}
