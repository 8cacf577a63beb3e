package main

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// status runs a command and returns its exit status, with what it printed.
func status(t *testing.T, stdin io.Reader, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	out, log := newOutput(), newOutput()
	err := run(t.Context(), args, streams{stdin, out, log})
	status = exitStatus(t.Context(), err, log)
	return status, out.String(), log.String()
}

func TestHelpShowsAllCommands(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"help", "-lang", "zh"}} {
		_, all, _ := status(t, nil, args...)
		for _, c := range append([]command{helpCommand}, commands...) {
			assert.Contains(t, all, "\n  "+c.name+" ")
			assert.Contains(t, all, program+" "+c.example+"\n")
		}
		requireNarrow(t, all)
	}
	_, all, _ := status(t, nil, "help")
	for _, args := range [][]string{{"-h"}, {"--help"}, {"-help"}, {"help"}, {"help", "help"}, {"help", "-h"}} {
		code, out, log := status(t, nil, args...)
		assert.Equal(t, 0, code, args)
		assert.Equal(t, all, out, args)
		assert.Empty(t, log, args)
	}
}

// Help is in the language of the flag, wherever it stands, or of the shell.
func TestHelpInChinese(t *testing.T) {
	_, want, _ := status(t, nil, "help", "-lang", "zh")
	assert.Contains(t, want, "用法："+program+" [命令] [参数]")
	assert.Contains(t, want, "在每个平台上演示验签通过与不通过的情形")
	assert.Contains(t, want, "（报告为英文）", "of doctor: its texts are those of the deployed functions")
	for _, args := range [][]string{{"-lang", "zh", "help"}, {"-lang=zh", "help"}, {"help", "--lang=zh"}, {"-h", "-lang", "zh"}} {
		code, out, log := status(t, nil, args...)
		assert.Equal(t, 0, code, "%v: %s", args, log)
		assert.Equal(t, want, out, args)
	}
	t.Setenv("LANG", "zh_CN.UTF-8")
	_, out, _ := status(t, nil, "help")
	assert.Equal(t, want, out)
	_, out, _ = status(t, nil, "help", "-lang", "en")
	assert.NotEqual(t, want, out, "the flag counts more than the shell")
	for _, c := range commands {
		_, out, _ = status(t, nil, "help", c.name)
		assert.Contains(t, out, c.name+"：", "help %s", c.name)
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, "        ") {
				assert.True(t, strings.ContainsFunc(line, isHan), "%s: %s", c.name, line)
			}
		}
	}
}

func TestEachCommandIsExplained(t *testing.T) {
	for _, c := range commands {
		example, _, _ := strings.Cut(c.example, " > ")
		for _, args := range [][]string{{c.name, "-h"}, {c.name, "--help"}, {"help", c.name}, {"-h", c.name}, append(strings.Fields(example), "-h")} {
			code, out, log := status(t, nil, args...)
			assert.Equal(t, 0, code, args)
			assert.Contains(t, out, "usage:   "+program+" "+c.name+" [flags]", args)
			assert.Contains(t, out, c.example, args)
			assert.Empty(t, log, args)
		}
	}
}

func TestWrongUseIsNamed(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	noFolder := filepath.Join("commands_test.go", "phones")
	const event = "../../../deploy/events/direct.json"
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{2, `there is no command "dance"`, []string{"dance"}},
		{2, `there is no command ""`, []string{""}},
		{2, `there is no command "dance"`, []string{"help", "dance"}},
		{2, `there is no command "dance"`, []string{"--help", "dance"}},
		{2, `unexpected argument "more"`, []string{"help", "demo", "more"}},
		{2, "want one of en, zh", []string{"demo", "-lang", "de"}},
		{2, "not defined: -dance", []string{"-dance"}},
		{2, `demo: flag provided but not defined: -dance: see go run ./scripts/local demo -h`, []string{"demo", "-dance"}},
		{2, `demo: unexpected argument "lambda"`, []string{"demo", "lambda"}},
		{2, `serve: unexpected argument "demo"`, []string{"-challenges", "demo"}},
		{2, `serve: unexpected argument "9001"`, []string{"serve", "9001"}},
		{2, `sign: unexpected argument "hello"`, []string{"sign", "hello"}},
		{2, "-challenge is missing", []string{"sign"}},
		{2, "want one of " + strings.Join(platformNames(), ", "), []string{"invoke", "-platform", "azure", event}},
		{2, "want one of verify, challenge, token", []string{"invoke", "-function", "nothing", event}},
		{2, "want one of android, ", []string{"sign", "-challenge", "c", "-device", "nokia"}},
		{2, `unexpected argument "second.json"`, []string{"invoke", event, "second.json"}},
		{2, "one event", []string{"invoke", "-e", event, event}},
		{2, "want NAME=VALUE", []string{"invoke", "-env", "WX_OPENID", event}},
		{2, "parse error", []string{"invoke", "-timeout", "ten", event}},
		{2, "-addr: address 9001: missing port", []string{"-addr", "9001"}},
		{1, "no such file", []string{"invoke", "missing.json"}},
		{1, "no such file", []string{"invoke", "-e", "missing.json"}},
		{1, "-config: ", []string{"-config", "missing.json", "-phones", t.TempDir()}},
		{1, "only an address of this computer", []string{"serve", "-addr", "0.0.0.0:0", "-phones", t.TempDir()}},
		{1, "only an address of this computer", []string{"-addr", "192.0.2.1:9000", "-phones", t.TempDir()}},
		{1, "address already in use): choose another address with -addr", []string{"-addr", busy.Addr().String(), "-phones", t.TempDir()}},
		{1, "choose another folder with -phones", []string{"-addr", "127.0.0.1:0", "-phones", noFolder}},
		{1, "choose another folder with -phones", []string{"invoke", "-phones", noFolder, event}},
		{1, "choose another folder with -phones", []string{"sign", "-challenge", "c", "-phones", noFolder}},
		{1, "challenge", []string{"sign", "-phones", t.TempDir(), "-challenge", strings.Repeat("c", 513)}},
		{0, "", []string{"sign", "-phones", t.TempDir(), "-challenge", "c", "-device", "ios"}},
	} {
		code, out, log := status(t, strings.NewReader("{}"), c.args...)
		assert.Equal(t, c.status, code, c.args)
		assert.Equal(t, c.status == 0, out != "", "%v: %s", c.args, out)
		assert.Contains(t, log, c.says, c.args)
		assert.LessOrEqual(t, strings.Count(log, "\n"), 1, log)
	}
}

// In Chinese, the errors of a command line are Chinese, and those of package flag as well.
func TestWrongUseIsNamedInChinese(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	const event = "../../../deploy/events/direct.json"
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{2, `没有命令 "dance"。全部命令见 go run ./scripts/local help -lang zh`, []string{"dance"}},
		{2, `没有命令 "dance"`, []string{"help", "dance"}},
		{2, `demo：没有参数 -dance。用法见 go run ./scripts/local demo -h -lang zh`, []string{"demo", "-dance"}},
		{2, `demo：多余的参数 "lambda"`, []string{"demo", "lambda"}},
		{2, `值 "de" 不能用于参数 -lang：可选的值：en, zh`, []string{"demo", "-lang", "de"}},
		{2, `值 "a\"b" 不能用于参数 -platform：可选的值：` + strings.Join(platformNames(), ", "), []string{"invoke", "-platform", `a"b`, event}},
		{2, `值 "perhaps" 不能用于参数 -v：无法解析`, []string{"demo", "-v=perhaps"}},
		{2, `值 "ten" 不能用于参数 -timeout：无法解析`, []string{"invoke", "-timeout", "ten", event}},
		{2, "格式应为 名称=值", []string{"invoke", "-env", "WX_OPENID", event}},
		{2, "参数缺少值：-timeout", []string{"invoke", "-timeout"}},
		{2, "参数格式不正确：---v", []string{"demo", "---v"}},
		{2, "只能指定一个事件文件", []string{"invoke", "-e", event, event}},
		{2, "缺少 -challenge", []string{"sign"}},
		{2, "格式如 127.0.0.1:9001", []string{"-addr", "9001"}},
		{1, "请用 -addr 指定其他地址", []string{"-addr", busy.Addr().String(), "-phones", t.TempDir()}},
		{1, "请用 -phones 指定其他文件夹", []string{"sign", "-challenge", "c", "-phones", filepath.Join("commands_test.go", "phones")}},
	} {
		t.Setenv("LANG", "zh_CN.UTF-8")
		code, _, log := status(t, strings.NewReader("{}"), c.args...)
		assert.Equal(t, c.status, code, c.args)
		assert.Contains(t, log, c.says, c.args)
	}
}

// Whatever fails because it was stopped is not told.
func TestAnInterruptedCommandSaysJustThat(t *testing.T) {
	killed := errors.New("signal: killed")
	ctx, interrupt := context.WithCancel(t.Context())
	log := newOutput()
	assert.Equal(t, 1, exitStatus(ctx, killed, log), "the twin")
	interrupt()
	assert.Equal(t, 130, exitStatus(ctx, killed, log))
	assert.Equal(t, "local: signal: killed\nlocal: interrupted\n", log.String())
}
