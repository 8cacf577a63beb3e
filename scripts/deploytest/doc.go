// Package deploytest tests the folder deploy. The templates must match the functions' own
// configuration and the rules of the platforms. The builds, the events, and the tools that
// docs/ names are tested as well, as far as they are installed here.
package deploytest
