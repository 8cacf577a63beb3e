package docs_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/dev/sandbox"
	"sotercall/internal/test/need"
)

// fields are what a reader returns, in the order in which the harnesses print them.
var fields = []string{"cpu_id", "uid", "fid", "counter"}

// reader is a reader of docs/challenges.md in one language. Its harness prints one line
// for each line of standard input, a resultJSON in base64: the fields in base64, "-" for
// one that is missing, or "!" if the reader fails.
type reader struct {
	language, program string
	files             func(code string) map[string]string
	command           []string
	large             bool // CI does without it
}

var readers = []reader{
	{language: "js", program: "node", command: []string{"node", "main.js"}, files: one("main.js", "", `
for (const line of require('node:fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  try {
    const phone = readPhone(Buffer.from(line, 'base64').toString())
    console.log(['cpu_id', 'uid', 'fid', 'counter'].map((n) => (n in phone ? Buffer.from(phone[n]).toString('base64') : '-')).join(' '))
  } catch { console.log('!') }
}
`)},
	{language: "python", program: "python3", command: []string{"python3", "main.py"}, files: one("main.py", "import base64, sys\n", `
for line in sys.stdin:
    try:
        phone = read_phone(base64.b64decode(line).decode())
        print(*(base64.b64encode(phone[n].encode()).decode() if n in phone else "-" for n in ("cpu_id", "uid", "fid", "counter")))
    except Exception:
        print("!")
`)},
	{language: "java", program: "javac", large: true, command: []string{"java", "-XX:TieredStopAtLevel=1", "Main.java"}, files: func(code string) map[string]string {
		// java runs the first class of the file.
		imports, class, _ := strings.Cut(code, "\n\n")
		return map[string]string{"Main.java": imports + `
class Main {
    public static void main(String[] arguments) {
        for (Scanner in = new Scanner(System.in); in.hasNextLine(); ) {
            try {
                Map<String, String> phone = PhoneReader.readPhone(new String(Base64.getDecoder().decode(in.nextLine())));
                StringJoiner out = new StringJoiner(" ");
                for (String n : List.of("cpu_id", "uid", "fid", "counter")) {
                    out.add(phone.containsKey(n) ? Base64.getEncoder().encodeToString(phone.get(n).getBytes()) : "-");
                }
                System.out.println(out);
            } catch (RuntimeException e) { System.out.println("!"); }
        }
    }
}
` + class}
	}},
	{language: "go", program: "go", command: []string{"go", "run", "reader.go", "main.go"}, files: func(code string) map[string]string {
		return map[string]string{"reader.go": "package main\n\n" + code, "main.go": `package main

import (
	"bufio"
	"encoding/base64"
	"os"
)

func main() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		text, _ := base64.StdEncoding.DecodeString(in.Text())
		phone, err := readPhone(string(text))
		for i, n := range []string{"cpu_id", "uid", "fid", "counter"} {
			value, ok := phone[n]
			switch {
			case err != nil && i > 0:
				continue
			case err != nil:
				value = "!"
			case !ok:
				value = "-"
			default:
				value = base64.StdEncoding.EncodeToString([]byte(value))
			}
			if i > 0 {
				os.Stdout.WriteString(" ")
			}
			os.Stdout.WriteString(value)
		}
		os.Stdout.WriteString("\n")
	}
}
`}
	}},
}

func one(name, before, after string) func(code string) map[string]string {
	return func(code string) map[string]string { return map[string]string{name: before + code + after} }
}

// result is a resultJSON and what a reader must return of it; nil if it must fail.
type result struct {
	name, text string
	want       map[string]string
}

// phoneResults are those of every phone of the sandbox. What a phone is, its file says.
func phoneResults(t *testing.T) (all []result) {
	t.Helper()
	folder := t.TempDir()
	s, err := sandbox.New(sandbox.Options{Dir: folder})
	require.NoError(t, err)
	for _, info := range sandbox.Devices() {
		phone, err := s.Phone("oReader", info.Device)
		require.NoError(t, err)
		signed, err := phone.Sign(`a/b "uid":"9"`)
		require.NoError(t, err)
		files, err := filepath.Glob(filepath.Join(folder, "*", string(info.Device)+".json"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		kept, err := os.ReadFile(files[0])
		require.NoError(t, err)
		var record struct {
			CPUID   string `json:"cpu_id"`
			UID     string `json:"uid"`
			FID     string `json:"fid"`
			Counter int    `json:"counter"`
		}
		require.NoError(t, json.Unmarshal(kept, &record))
		want := map[string]string{}
		for name, value := range map[string]string{"cpu_id": record.CPUID, "uid": record.UID, "fid": record.FID, "counter": strconv.Itoa(record.Counter)} {
			if value != "" && strings.Contains(signed.JSONString, `"`+name+`":`) {
				want[name] = value
			}
		}
		all = append(all, result{string(info.Device), signed.JSONString, want})
	}
	return all
}

// TestReadersTakeEveryPhone runs the readers as they stand in the document.
func TestReadersTakeEveryPhone(t *testing.T) {
	document, err := os.ReadFile("challenges.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(document), "\n## A new phone, a new finger\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")

	results := phoneResults(t)
	require.Len(t, results, 9)
	require.True(t, slices.ContainsFunc(results, func(r result) bool { return strings.Contains(r.text, "\x00") }))
	results = append(results,
		result{"line feeds in and between", "{\n\"uid\": \"a\nb\",\r\n\t\"counter\":\t7 }", map[string]string{"uid": "a\nb", "counter": "7"}},
		result{"nested namesakes", `{"x":{"uid":"2"},"y":[{"fid":"3"}],"raw":"{\"uid\":\"4\"}","uid":"1"}`, map[string]string{"uid": "1"}},
		result{"neither text nor number", `{"uid":null,"fid":true,"cpu_id":{"a":1},"counter":["1"]}`, map[string]string{}},
		result{"names in another case", `{"UID":"1","Counter":2}`, map[string]string{}},
	)
	broken := result{"the twin: a NUL between strings", "{\"uid\":\"1\"\x00}", nil}

	var input strings.Builder
	for _, r := range append(slices.Clone(results), broken) {
		input.WriteString(base64.StdEncoding.EncodeToString([]byte(r.text)) + "\n")
	}
	for _, reader := range readers {
		t.Run(reader.language, func(t *testing.T) {
			code := regexp.MustCompile("(?s)```"+reader.language+"\n(.*?)```").FindAllStringSubmatch(section, -1)
			require.Len(t, code, 1)
			_, err := need.Find(reader.program)
			if reader.large {
				need.Optional(t, err)
			}
			need.Met(t, err)
			folder := t.TempDir()
			for name, text := range reader.files(code[0][1]) {
				require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
			}
			command := exec.CommandContext(t.Context(), reader.command[0], reader.command[1:]...)
			command.Dir, command.Stdin = folder, strings.NewReader(input.String())
			var said strings.Builder
			command.Stderr = &said
			printed, err := command.Output()
			require.NoError(t, err, said.String())
			lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
			require.Len(t, lines, len(results)+1)
			for i, r := range results {
				assert.Equal(t, printedAs(r.want), lines[i], r.name)
			}
			if reader.language != "java" { // which only looks for tokens
				assert.Equal(t, "!", lines[len(results)], broken.name)
			}
		})
	}
}

func printedAs(phone map[string]string) string {
	var all []string
	for _, name := range fields {
		value, ok := phone[name]
		if !ok {
			all = append(all, "-")
			continue
		}
		all = append(all, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	return strings.Join(all, " ")
}
