package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeDeployment writes the files of deploy/ that users need beside the zips and images.
func (r release) writeDeployment() error {
	template, err := os.ReadFile(filepath.Join(r.root, "deploy", "template.yaml"))
	if err != nil {
		return err
	}
	for _, processor := range processors {
		text, err := prebuilt(string(template), processor.aws)
		if err != nil {
			return fmt.Errorf("deploy/template.yaml: %w", err)
		}
		file := filepath.Join(r.assets(), "template-"+processor.aws+".yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	compose, err := os.ReadFile(filepath.Join(r.root, "deploy", "container", "compose.service.yaml"))
	if err != nil {
		return err
	}
	text, err := loaded(string(compose), r.number)
	if err != nil {
		return fmt.Errorf("deploy/container/compose.service.yaml: %w", err)
	}
	if err := os.WriteFile(filepath.Join(r.assets(), "compose.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	for name, folder := range map[string]string{"Caddyfile": "container", "start.sh": "cloud-hosting"} {
		if err := copyFile(filepath.Join(r.root, "deploy", folder, name), filepath.Join(r.assets(), name)); err != nil {
			return err
		}
	}
	return nil
}

// builds is what the template of the source says of building; prebuilt returns the other.
const (
	builds = `# sam build -t deploy/template.yaml && sam deploy --guided, in the repository's
# root. Without --cached: that looks for changes in CodeUri only, and most of a
# function stands in internal/.
`
	takes = `# sam deploy -t %s --guided, in the folder that holds this file and the zips
# of the release. Go is not needed.
`
)

// prebuilt returns the SAM template for the zips of a release, of one processor as AWS
// calls it. It differs from template in CodeUri, in Metadata, which says how to build, and
// in the allowed values of Architecture.
func prebuilt(template, processor string) (string, error) {
	text, err := replaceOnce(template, builds, fmt.Sprintf(takes, "template-"+processor+".yaml"))
	if err != nil {
		return "", err
	}
	const functions = "      CodeUri: ../functions/"
	if !strings.Contains(text, functions) {
		return "", fmt.Errorf("there is no %q", functions)
	}
	var lines []string
	for line := range strings.Lines(cutBlocks(text, "    Metadata:\n")) {
		if function, ok := strings.CutPrefix(line, functions); ok {
			line = "      CodeUri: lambda-" + processor + "-" + strings.TrimSpace(function) + ".zip\n"
		}
		lines = append(lines, line)
	}
	return replaceOnce(strings.Join(lines, ""),
		`    Description: Processors of the functions; build for the same ones (ARCHITECTURE=x86_64 sam build)
    AllowedValues: [arm64, x86_64]
    Default: arm64
`, fmt.Sprintf(`    Description: Processors of the functions, which are those of the zips
    AllowedValues: [%s]
    Default: %[1]s
`, processor))
}

// loaded returns the Compose file for an image that docker load has read, in place of one
// that is built.
func loaded(compose, number string) (text string, err error) {
	text = cutBlocks(compose, "    build:\n")
	for before, after := range map[string]string{
		"image: sotercall\n":              "image: sotercall:" + number + "\n",
		"From the root of the repository": "In the folder of the release, after docker load",
		"docker compose -f deploy/container/compose.service.yaml up -d --build": "docker compose up -d",
	} {
		if text, err = replaceOnce(text, before, after); err != nil {
			return "", err
		}
	}
	return text, nil
}

// cutBlocks removes each line that equals header, with the lines indented below it.
func cutBlocks(text, header string) string {
	indent := len(header) - len(strings.TrimLeft(header, " "))
	var kept strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if inside && trimmed != "\n" && len(line)-len(trimmed) <= indent {
			inside = false
		}
		if line == header {
			inside = true
		}
		if !inside {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// replaceOnce replaces before, which text must contain once.
func replaceOnce(text, before, after string) (string, error) {
	if n := strings.Count(text, before); n != 1 {
		return "", fmt.Errorf("instead of once, this stands there %d times:\n%s", n, before)
	}
	return strings.Replace(text, before, after, 1), nil
}
