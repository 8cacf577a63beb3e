package wiring

import (
	"reflect"

	"sotercall/internal/secret"
)

// Variable is an environment variable that a function knows.
type Variable struct {
	Name    string
	Default string // empty: there is none
	Secret  bool   // what it holds must not be printed, and may be kept in Secrets Manager
}

// Variables returns the variables of the function called verify, token or challenge, in the
// order of its settings; nil for another name. docs/configuration.md and the files that
// deploy the functions are held against them.
func Variables(function string) []Variable {
	settings, ok := map[string]any{
		"verify": verifySettings{}, "token": tokenSettings{}, "challenge": challengeSettings{},
	}[function]
	if !ok {
		return nil
	}
	return described(reflect.TypeOf(settings))
}

// described returns the variables in the env tags of a struct and of the structs inside it.
func described(t reflect.Type) (all []Variable) {
	text := reflect.TypeFor[secret.Text]()
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("env"); name != "" {
			isSecret := f.Type == text || f.Type.Kind() == reflect.Slice && f.Type.Elem() == text
			all = append(all, Variable{Name: name, Default: f.Tag.Get("envDefault"), Secret: isSecret})
		} else if f.IsExported() && f.Type.Kind() == reflect.Struct {
			all = append(all, described(f.Type)...)
		}
	}
	return all
}
