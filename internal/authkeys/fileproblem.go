package authkeys

import "time"

// watched is how often Watch looks at the file, at most.
const watched = 2 * time.Second

// OnProblem has report called when the file begins to be of no use, with the reason, when
// that changes, and with nil when the file can be used again. Call it before the first use.
func (f *File) OnProblem(report func(problem error)) { f.report = report }

// Watch begins a look at the file, unless there was one in the last two seconds: a file that
// cannot be used is noticed before a call needs it. It does not wait.
func (f *File) Watch() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.look == nil && f.now().Sub(f.began).Abs() >= watched {
		f.begin()
	}
}

// judge reports how a look has ended, if the one before has ended in another way.
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
