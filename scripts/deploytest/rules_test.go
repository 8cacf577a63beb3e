package deploytest

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestParametersThatCannotWorkAreRefused asks the template's rules, as
// CloudFormation does before it creates anything. In a rule there are Ref, Not, And,
// Or, Equals and EachMemberEquals, and a few more (CloudFormation, "Rule-specific
// intrinsic functions").
func TestParametersThatCannotWorkAreRefused(t *testing.T) {
	subnets, groups := []any{"subnet-1", "subnet-2"}, []any{"sg-1"}
	for name, c := range map[string]struct {
		set     object
		refused string // a part of the message; empty: taken
	}{
		"nothing but the defaults":   {object{}, ""},
		"subnets and their groups":   {object{"SubnetIds": subnets, "SecurityGroupIds": groups}, ""},
		"subnets without groups":     {object{"SubnetIds": subnets}, "SubnetIds needs SecurityGroupIds"},
		"enforce, shared":            {object{"CounterPolicy": "enforce"}, ""},
		"enforce, each for itself":   {object{"CounterPolicy": "enforce", "Store": "none"}, "CounterPolicy=enforce needs a Store"},
		"own keys, in the table":     {object{"SoterVerifier": "local"}, ""},
		"own keys, nowhere":          {object{"SoterVerifier": "local", "Store": "none"}, "SoterVerifier=local needs a Store"},
		"classic, shared":            {object{"AccessTokenMode": "classic", "Store": "redis"}, ""},
		"classic, each for itself":   {object{"AccessTokenMode": "classic", "Store": "none"}, "AccessTokenMode=classic needs a Store"},
		"no store":                   {object{"Store": "none"}, ""},
		"subnets with an empty list": {object{"SubnetIds": subnets, "SecurityGroupIds": []any{}}, "SubnetIds needs SecurityGroupIds"},
	} {
		messages := evaluate(t, load(t, "template.yaml"), c.set).refusals()
		if c.refused == "" {
			assert.Empty(t, messages, name)
		} else if assert.Len(t, messages, 1, name) {
			assert.Contains(t, messages[0], c.refused, name)
		}
	}
}

// TestRulesUseTheirOwnFunctions: CloudFormation takes no others there, and no short
// form of those that only rules have.
func TestRulesUseTheirOwnFunctions(t *testing.T) {
	var check func(expression any)
	check = func(expression any) {
		switch expression := expression.(type) {
		case []any:
			for _, item := range expression {
				check(item)
			}
		case object:
			for function, argument := range expression {
				assert.Contains(t, []string{"Ref", "Fn::Not", "Fn::And", "Fn::Or", "Fn::Equals", "Fn::EachMemberEquals"}, function)
				check(argument)
			}
		}
	}
	for _, rule := range at(t, load(t, "template.yaml"), "Rules").(object) {
		check(at(t, rule, "RuleCondition"))
		for _, assertion := range at(t, rule, "Assertions").([]any) {
			check(at(t, assertion, "Assert"))
		}
	}
	text, err := os.ReadFile("template.yaml")
	require.NoError(t, err)
	assert.NotContains(t, string(text), "!EachMember")
}
