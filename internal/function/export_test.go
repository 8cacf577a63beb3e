package function

import "time"

// SetClock sets the clock by which secrets are read anew.
func SetClock(h *Handler, now func() time.Time) { h.now = now }

// WarmUp does what is done before the first call, and waits for its end.
func WarmUp(h *Handler, variables map[string]string) {
	h.open(variables)
	<-h.Prepare()
}
