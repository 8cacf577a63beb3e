// Package deploytest holds what stands in the folder deploy against the functions
// as they are: the templates against the functions' own configuration and against
// the rules of the platforms, the builds, the events, and the tools that docs/
// names, as far as they are installed here.
package deploytest
