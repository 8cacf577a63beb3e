package function

// WarmUp does what is done before the first call, and waits for its end.
func WarmUp(h *Host, variables map[string]string) {
	h.open(variables)
	<-h.Prepare()
}
