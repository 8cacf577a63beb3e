package authkeys

import "time"

// watched is the minimum time between two looks of Watch at the file.
const watched = 2 * time.Second

// OnProblem sets a function that is called when the file becomes unusable, with the reason.
// It is called again when the reason changes, and with nil when the file is usable again.
// Call OnProblem before the first use.
func (f *File) OnProblem(report func(problem error)) { f.report = report }

// Watch begins a look at the file, unless there was one in the last two seconds. So an
// unusable file is noticed before a call needs it. It does not wait.
func (f *File) Watch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look == nil && f.now().Sub(f.began).Abs() >= watched {
		f.begin()
	}
}

// judge reports the result of a look if it differs from that of the last one.
func (f *File) judge(err error) {
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	f.mu.Lock()
	isNew := problem != f.problem
	f.problem = problem
	f.mu.Unlock()
	if isNew && f.report != nil {
		f.report(err)
	}
}
