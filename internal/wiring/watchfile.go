package wiring

import "sotercall/internal/filewatch"

// What is said of a document that a restart would read anew. /healthz and the log show it.
const (
	fileHasChanged = appsFileVariable + " has changed since it was read: restart to load it"
	fileIsMissing  = appsFileVariable + " cannot be read any more: a restart would fail"
	fileIsBack     = appsFileVariable + " holds again what was read from it"
)

const appsFileVariable = "WECHAT_APPS_FILE"

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

// notices implements [function.Function.Notices].
func (w *world) notices() []string {
	switch w.file.Load().State() {
	case filewatch.Changed:
		return []string{fileHasChanged}
	case filewatch.Missing:
		return []string{fileIsMissing}
	}
	return nil
}
