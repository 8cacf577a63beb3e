package deploytest

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/test/documented"
	"sotercall/internal/test/moto"
	"sotercall/internal/test/need"
)

// TestOutputsAreExported runs the line that makes variables of a stack's outputs, in front
// of moto, which has a stack with the template's outputs.
func TestOutputsAreExported(t *testing.T) {
	t.Parallel() // other people's programs take seconds to start
	outputs, said := object{}, []string{}
	for name := range at(t, load(t, "template.yaml"), "Outputs").(object) {
		outputs[name] = object{"Value": "https://of." + name + "/x?y"}
		said = append(said, name+"=https://of."+name+"/x?y")
	}
	slices.Sort(said)
	body, err := json.Marshal(object{"Resources": object{"Topic": object{"Type": "AWS::SNS::Topic"}}, "Outputs": outputs})
	require.NoError(t, err)
	environment := []string{
		awsOnPath(t), "AWS_ENDPOINT_URL=" + moto.Start(t), "AWS_DEFAULT_REGION=" + moto.Region, "AWS_PAGER=",
		"AWS_ACCESS_KEY_ID=" + moto.AccessKey, "AWS_SECRET_ACCESS_KEY=" + moto.SecretKey, "BODY=" + string(body),
	}
	output(t.Context(), t, ".", environment, "sh", "-c", `aws cloudformation create-stack --stack-name sotercall --template-body "$BODY"`)
	exported := output(t.Context(), t, ".", environment, "sh", "-c", documented.Commands(t)[0]+"; env | grep '=https://of.' | sort")
	assert.Equal(t, said, strings.Fields(exported))
}

// awsCLI2 finds version 2 of the AWS CLI, which Debian has. Another version may stand before
// it on PATH.
func awsCLI2(t *testing.T) (program string, err error) {
	t.Helper()
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		program = filepath.Join(folder, "aws")
		said, err := exec.CommandContext(t.Context(), program, "--version").Output()
		if err == nil && strings.HasPrefix(string(said), "aws-cli/2.") {
			return program, nil
		}
	}
	return "", errors.New("AWS CLI 2 is not installed")
}

// TestCredentialsAreExported runs the line for curl with AWS CLI 2, which takes what a
// profile has. Version 1 has no such command.
func TestCredentialsAreExported(t *testing.T) {
	t.Parallel()
	program, err := awsCLI2(t)
	need.Met(t, err)
	folder := t.TempDir()
	profile := "[default]\nregion = eu-central-1\naws_access_key_id = AKIDOFTHEPROFILE\naws_secret_access_key = key-of-the-profile\naws_session_token = token-of-the-profile\n"
	file := filepath.Join(folder, "config")
	require.NoError(t, os.WriteFile(file, []byte(profile), 0o600))
	command := exec.CommandContext(t.Context(), "sh", "-c", documented.Commands(t)[0]+" && env")
	command.Env = []string{"PATH=" + filepath.Dir(program) + ":/usr/bin:/bin", "HOME=" + folder, "AWS_CONFIG_FILE=" + file, "AWS_SHARED_CREDENTIALS_FILE=" + file}
	said, err := command.CombinedOutput()
	require.NoError(t, err, string(said))
	for _, variable := range []string{
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDOFTHEPROFILE",
		"AWS_SECRET_ACCESS_KEY=key-of-the-profile", "AWS_SESSION_TOKEN=token-of-the-profile",
	} {
		assert.Contains(t, strings.Split(string(said), "\n"), variable)
	}
}

// TestParametersAreDocumented: the page names each parameter of the template, and which of
// them have to be answered.
func TestParametersAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/aws.md")
	require.NoError(t, err)
	asked, rest, found := strings.Cut(string(page), "Enter takes the default of all others")
	require.True(t, found)
	_, asked, found = strings.Cut(asked, "| parameter | what to answer |")
	require.True(t, found)
	rest, _, _ = strings.Cut(rest, "\nThe stack has")
	named := regexp.MustCompile("`([A-Z][A-Za-z]+)`")
	listed := func(table string) (names []string) {
		for line := range strings.Lines(table) {
			cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
			for _, name := range named.FindAllStringSubmatch(cell, -1) {
				names = append(names, name[1])
			}
		}
		slices.Sort(names)
		return names
	}
	var needed, others []string
	for name, parameter := range at(t, load(t, "template.yaml"), "Parameters").(object) {
		if _, hasDefault := parameter.(object)["Default"]; hasDefault {
			others = append(others, name)
		} else {
			needed = append(needed, name)
		}
	}
	slices.Sort(needed)
	slices.Sort(others)
	assert.Equal(t, needed, listed(asked))
	assert.Equal(t, others, listed(rest))
}

// forOthers are rights that CloudFormation's schemas name for what the template does not use.
var forOthers = map[string]string{
	"dynamodb:*Import*": "tables made from a file", "dynamodb:*Table*Replica*": "global tables", "dynamodb:AssociateTableReplica": "global tables",
	"dynamodb:*Item": "global tables", "dynamodb:Scan": "global tables", "dynamodb:Query": "global tables", "dynamodb:BatchWriteItem": "global tables",
	"dynamodb:*Kinesis*": "streams", "kinesis:*": "streams", "iam:CreateServiceLinkedRole": "global tables",
	"dynamodb:*ResourcePolicy": "a table's own policy",
	"kms:*":                    "KmsKeyArn: the key's own policy gives these", "elasticfilesystem:*": "file systems", "s3files:*": "file systems",
	"firehose:*": "logs that go elsewhere", "iam:*RolePermissionsBoundary": "boundaries",
}

// TestDeployerMayMakeTheStack holds deployer-policy.json against the rights that
// CloudFormation's own schemas name for each type of the stack's resources. cfn-lint
// brings the schemas.
func TestDeployerMayMakeTheStack(t *testing.T) {
	python := need.Python(t, "python")
	policy := load(t, "deployer-policy.json")
	allows := func(action string) bool {
		for _, statement := range policy["Statement"].([]any) {
			actions, ok := statement.(object)["Action"].([]any)
			if !ok {
				actions = []any{statement.(object)["Action"]}
			}
			for _, allowed := range actions {
				if ok, _ := path.Match(strings.ToLower(allowed.(string)), strings.ToLower(action)); ok {
					return true
				}
			}
		}
		return false
	}
	types := map[string]bool{"AWS::Lambda::Function": true, "AWS::Events::Rule": true} // what SAM makes of its own
	for _, resource := range at(t, load(t, "template.yaml"), "Resources").(object) {
		if name := at(t, resource, "Type").(string); !strings.HasPrefix(name, "AWS::Serverless::") {
			types[name] = true
		}
	}
	rights := map[string][]string{}
	said := output(t.Context(), t, ".", nil, python, "-c", permissions)
	require.NoError(t, json.Unmarshal([]byte(said), &rights))
	unused := map[string]bool{}
	for pattern := range forOthers {
		unused[pattern] = true
	}
	for name := range types {
		require.NotEmpty(t, rights[name], "%s is no type of CloudFormation's", name)
		for _, action := range rights[name] {
			if allows(action) {
				continue
			}
			found := false
			for pattern := range forOthers {
				if ok, _ := path.Match(pattern, action); ok {
					delete(unused, pattern)
					found = true
				}
			}
			assert.True(t, found, "%s needs %s", name, action)
		}
	}
	assert.Empty(t, unused, "nothing asks for these")
	assert.False(t, allows("iam:CreateUser"), "the twin")
	assert.False(t, allows("dynamodb:PutItem"), "the twin")
}

// permissions prints, for each type of resource, the rights that its handlers need.
const permissions = `
import glob, json, os, cfnlint
rights = {}
for file in glob.glob(os.path.join(os.path.dirname(cfnlint.__file__), "data/schemas/resources/*.json")):
    schema = json.load(open(file))
    handlers = schema.get("handlers", {})
    rights[schema["typeName"]] = sorted({p for kind in ("create", "read", "update", "delete") for p in handlers.get(kind, {}).get("permissions", [])})
print(json.dumps(rights))
`
