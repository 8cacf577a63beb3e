package wiring

import (
	"sync/atomic"

	"sotercall/internal/authkeys"
	"sotercall/internal/wiring/filewatch"
)

// Notices about files, for /healthz and the log. The document of the apps is read at the
// start. AuthKeys are read anew by themselves, unless their file has become unusable.
const (
	fileHasChanged = appsFileVariable + " has changed since it was read: restart to load it"
	fileIsMissing  = appsFileVariable + " cannot be read any more: a restart would fail"
	fileIsBack     = appsFileVariable + " holds again what was read from it"
	keysAreUseless = keysFileVariable + " cannot be used as it is now: calls are refused until it can"
	keysAreUsable  = keysFileVariable + " can be used again"
)

const (
	appsFileVariable = "WECHAT_APPS_FILE"
	keysFileVariable = "AUTHKEYS_FILE"
)

// watchFile watches the file that the document of the apps was read from. The zero Content
// ends that.
func (w *world) watchFile(loaded filewatch.Content) {
	if loaded.Path() == "" {
		w.file.Store(nil)
		return
	}
	w.observer.FileDiffers(appsFileVariable, false)
	var watch *filewatch.Watch
	watch = filewatch.New(loaded, WallClock, func(state filewatch.State) {
		if w.file.Load() != watch { // the file has been read anew
			return
		}
		w.observer.FileDiffers(appsFileVariable, state != filewatch.Same)
		switch state {
		case filewatch.Changed:
			w.log.Warn(fileHasChanged)
		case filewatch.Missing:
			w.log.Warn(fileIsMissing)
		default:
			w.log.Info(fileIsBack)
		}
	})
	w.file.Store(watch)
}

// keysFile is the file of AuthKeys.
type keysFile struct {
	*authkeys.File
	isUseless atomic.Bool
}

// watchedKeys returns the file of AuthKeys, which is read on first use. From now on it is
// watched.
func (w *world) watchedKeys(path string) *authkeys.File {
	file := &keysFile{File: authkeys.NewFile(path)}
	file.OnProblem(func(problem error) {
		w.observer.FileDiffers(keysFileVariable, problem != nil)
		file.isUseless.Store(problem != nil)
		if problem != nil {
			w.log.Warn(keysAreUseless, "error", problem.Error())
		} else {
			w.log.Info(keysAreUsable)
		}
	})
	w.observer.FileDiffers(keysFileVariable, false)
	w.keysFile.Store(file)
	return file.File
}

// notices implements [function.Function.Notices].
func (w *world) notices() (all []string) {
	switch w.file.Load().State() {
	case filewatch.Changed:
		all = append(all, fileHasChanged)
	case filewatch.Missing:
		all = append(all, fileIsMissing)
	}
	if keys := w.keysFile.Load(); keys != nil {
		keys.Watch()
		if keys.isUseless.Load() {
			all = append(all, keysAreUseless)
		}
	}
	return all
}
