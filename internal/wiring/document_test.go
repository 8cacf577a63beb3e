package wiring

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sotercall/internal/secret"
)

const (
	shop, game       = "wx0123456789abcdef", "wxfedcba9876543210"
	shopSecret       = "shop-0123456789abcdef0123456789a"
	gameSecret       = "game-0123456789abcdef0123456789a"
	client, reporter = "client-0123456789abcdef-01234567", "report-0123456789abcdef-01234567"
)

const document = `{
  "apps": {
    "wxfedcba9876543210": {"secret": "game-0123456789abcdef0123456789a", "mode": "classic"},
    "wx0123456789abcdef": {"secret": "shop-0123456789abcdef0123456789a"}
  },
  "clients": {
    "shop": {"secrets": ["client-0123456789abcdef-01234567"], "apps": ["wx0123456789abcdef"]},
    "reports": {"secrets": ["report-0123456789abcdef-01234567", "report-0123456789abcdef-new-4567"], "apps": ["*"]}
  }
}`

func TestParseApps(t *testing.T) {
	set, err := parseApps([]byte(document))
	require.NoError(t, err)
	assert.Equal(t, []string{game, shop}, set.IDs(), "in their order")
	assert.Equal(t, []bool{true, false}, []bool{set.Apps[0].Classic, set.Apps[1].Classic})
	assert.Equal(t, gameSecret, set.Apps[0].Secret.Reveal())
	assert.Equal(t, shopSecret, set.Apps[1].Secret.Reveal())

	limited, all := set.Clients[0], set.Clients[1]
	assert.Equal(t, []string{"shop", "reports"}, []string{limited.Name, all.Name})
	assert.Equal(t, []string{client}, revealed(limited.Secrets))
	assert.True(t, limited.May(shop))
	assert.False(t, limited.May(game))
	assert.Equal(t, []string{reporter, "report-0123456789abcdef-new-4567"}, revealed(all.Secrets), "both, while they are changed")
	assert.True(t, all.May(game))
	assert.Nil(t, all.Apps, "not a list")

	set, err = parseApps([]byte(`{"apps":{"wx0123456789abcdef":{"secret":"s","mode":"stable"}}}`))
	require.NoError(t, err, "clients may be left out")
	assert.Empty(t, set.Clients)
	assert.False(t, set.Apps[0].Classic)
}

func revealed(secrets []secret.Text) (all []string) {
	for _, s := range secrets {
		all = append(all, s.Reveal())
	}
	return all
}

func TestMistakesAreNamedByTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, old, new, says string }{
		{"no apps", document, `{}`, "/apps is missing"},
		{"empty apps", document, `{"apps":{}}`, "/apps is missing"},
		{"not an object", document, `[]`, "/ has a value of the wrong kind"},
		{"null", document, `null`, "must be a JSON object"},
		{"not JSON", document, `{"apps":`, "/apps is not valid JSON, at byte 8"},
		{"two documents", document, document + "{}", "is not valid JSON"},
		{"nothing", document, ``, "is not valid JSON"},
		{"apps as a list", document, `{"apps":[]}`, "/apps has a value of the wrong kind"},
		{"unknown member", `"apps": {`, `"app": {}, "apps": {`, "/… is not known here"},
		{"unknown member of an app", `"mode"`, `"Mode"`, "/apps/wxfedcba9876543210/… is not known here"},
		{"wrong mode", `"classic"`, `"cloudbase"`, "/apps/wxfedcba9876543210/mode must be one of stable, classic"},
		{"no secret", `"secret": "` + shopSecret + `"`, ``, "/apps/wx0123456789abcdef/secret is missing"},
		{"blanks around", shopSecret, shopSecret + " ", "/apps/wx0123456789abcdef/secret must not have blanks around it"},
		{"a number as secret", `"` + shopSecret + `"`, `7`, "/apps/wx0123456789abcdef/secret has a value of the wrong kind"},
		{"an app twice", `"wx0123456789abcdef": {`, `"wxfedcba9876543210": {`, "/apps/wxfedcba9876543210 is duplicated"},
		{"no AppID", `"wx0123456789abcdef": {`, `"gh_0123456789abcdef": {`, "/apps/#2 must have an AppID as its name"},
		{"a mistyped AppID", `"wx0123456789abcdef": {`, `"wx0123456789ABCDEF": {`, "/apps/wx0123456789ABCDEF must have an AppID as its name: wx and 16"},
		{"a short AppID", `"wx0123456789abcdef": {`, `"wx0123456789abcde": {`, "/apps/wx0123456789abcde must have an AppID as its name"},
		{"no secrets", `"secrets": ["` + client + `"], `, ``, "/clients/shop/secrets is missing"},
		{"short secret", client, client[1:], "/clients/shop/secrets/0 must be a secret of at least 32 bytes"},
		{"the secret of an app", client, shopSecret, "/clients/shop/secrets/0 must not be the secret of an app"},
		{"the secret of another client", "report-0123456789abcdef-new-4567", client, "/clients/reports/secrets/1 must not be the secret of another client"},
		{"no rights", `, "apps": ["*"]`, ``, "/clients/reports/apps is missing"},
		{"empty rights", `"apps": ["*"]`, `"apps": []`, "/clients/reports/apps is missing"},
		{"right to an app that is not there", `["wx0123456789abcdef"]`, `["wx0000000000000000"]`, "/clients/shop/apps/0 is not one of /apps"},
		{"all and one", `["*"]`, `["wx0123456789abcdef","*"]`, "/clients/reports/apps/1 is not one of /apps"},
		{"no name", `"shop": {`, `"": {`, "/clients/#1 must have a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseApps([]byte(strings.Replace(document, c.old, c.new, 1)))
			require.ErrorContains(t, err, c.says)
			for _, hidden := range []string{shopSecret, gameSecret, client, reporter} {
				assert.NotContains(t, err.Error(), hidden[:8])
			}
		})
	}
}

// A secret in the wrong place is not printed: who writes one where a name belongs
// finds out by its number.
func TestSecretInThePlaceOfANameIsNotPrinted(t *testing.T) {
	const hidden = "0123456789abcdef0123456789abcdef"
	for document, says := range map[string]string{
		`{"apps":{"` + hidden + `":{"secret":"wx1"}}}`:                                                 "/apps/#1 must",
		`{"apps":{"wx1":{"secret":"s"}},"clients":{"` + hidden + `":{"secrets":["x"],"apps":["*"]}}}`:  "/clients/#1 must",
		`{"apps":{"wx1":{"` + hidden + `":"s"}}}`:                                                      "/apps/wx1/… is not known",
		`{"apps":{"wx1":{"secret":{"` + hidden + `":1}}}}`:                                             "/apps/wx1/secret has a value of the wrong kind",
		`{"apps":{"wx1":{"secret":"s","mode":"` + hidden + `"}}}`:                                      "/apps/wx1/mode must",
		`{"apps":{"` + hidden + `":1}}`:                                                                "/apps/… has a value of the wrong kind",
		`{"apps":{"` + hidden + `":{"secret":"s"},"` + hidden + `":{}}}`:                               "/apps/… is duplicated",
		`{"` + hidden + `":{}}`:                                                                        "/… is not known",
		`{"apps":{"wx1":{"secret":"s"}},"clients":{"c":{"secrets":["x"],"apps":["` + hidden + `"]}}}`:  "/clients/c/apps/0 is not one",
		`{"apps":{"wx1":{"secret":"s"}},"clients":{"c":{"secrets":"` + hidden + `","apps":["*"]}}}`:    "/clients/c/secrets has a value of the wrong kind",
		`{"apps":{"wx1":{"secret":"s"}},"clients":{"c":{"secrets":["` + hidden + `},"apps":["*"]}}} "`: "is not valid JSON",
	} {
		_, err := parseApps([]byte(document))
		require.ErrorContains(t, err, says, document)
		assert.NotContains(t, err.Error(), hidden[:8], document)
	}
}

func TestFewMistakesAreToldOfMany(t *testing.T) {
	var all []string
	for _, last := range "abcdef0" {
		all = append(all, fmt.Sprintf(`"wx000000000000000%c":{}`, last))
	}
	_, err := parseApps([]byte(`{"apps":{` + strings.Join(all, ",") + `}}`))
	invalid := new(invalidDocument)
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "/apps/wx000000000000000a/secret is missing", invalid.Problems[0])
	assert.Equal(t, "and 2 more", invalid.Problems[len(invalid.Problems)-1])
	assert.Len(t, invalid.Problems, 6)

	_, err = parseApps([]byte(strings.Repeat(" ", maxDocument) + document))
	assert.ErrorContains(t, err, "is longer than 1048576 bytes")
}

// FuzzParseApps: whatever stands there, what is taken has a secret for each app and
// rights for each client, and no message holds more than 31 bytes of it in a row.
func FuzzParseApps(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"apps":{"wx1":{"secret":"s"}}}`))
	f.Add([]byte(`{"apps":{"\ud800":{}}}`))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := parseApps(text)
		if err != nil {
			for i := 0; i+minClientSecret <= len(text); i++ {
				piece := string(text[i : i+minClientSecret])
				require.False(t, strings.Contains(err.Error(), piece) && !strings.ContainsAny(piece, " /"), "%q", piece)
			}
			return
		}
		require.NotEmpty(t, set.Apps)
		for _, app := range set.Apps {
			require.False(t, app.Secret.IsZero())
			require.True(t, strings.HasPrefix(app.ID, "wx"))
		}
		for _, c := range set.Clients {
			require.NotEmpty(t, c.Secrets)
			require.True(t, c.Apps == nil || len(c.Apps) > 0)
		}
		for _, s := range revealed(appSecrets(set)) {
			require.NotContains(t, revealed(clientSecrets(set.Clients)), s)
		}
	})
}
