package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryPromiseHasItsTest checks the table below: each line has a sentence, or the
// words with which it begins, and the tests that hold it. A sentence that is changed or a
// test that is renamed has to be looked at here.
//
// What is not promised (SECURITY.md, "What is not promised") has no test where it says
// only what others do; its lines are those that the code can keep.
//
//	SECURITY.md
//	`isOk` is true only when WeChat | openapi.TestThreeOutcomesInBothSpellings verify.TestNeverAnAnswer
//	Any failure is an error with a code | verify.TestFaults challenge.TestErrorOfNextPassesUntouchedAndConsumesNothing
//	It never becomes "genuine", and it never becomes "wrong" either | authkeys.TestStoreThatFailsIsNoWrongSignature verify.TestEverySecondRequestMeetsTrouble
//	What the phone signed goes to WeChat byte for byte | verify.TestWhatThePhoneSignedIsWhatWeChatReceives
//	Signatures that we verify ourselves must be RSA-2048 | authkeys.TestVerifierRefuses authkeys.TestEnrollRefusesAChainThatDoesNotHold
//	We refuse a text that common parsers read differently | authkeys.TestVerifierRefuses authkeys.TestEnrollRefusesAChainThatDoesNotHold authkeys.TestFileFormat
//	A call from a page concerns only the user that the platform names for this invocation | verify.TestPageAsksOnlyAboutItsOwnUser verify.TestParallelCallersKeepTheirIdentities verify.TestSecondCallerDoesNotInheritTheFirstOnesIdentity
//	Fields of the event, headers and `userInfo` prove nothing | verify.TestWhoMayCallWhatInACloudBaseEnvironment service.TestWhoEntersAService
//	HTTP paths are closed until you open them | verify.TestHTTPDoorIsClosedUnlessOpened tokenserver.TestHTTPIsClosedWithoutClientSecrets
//	A challenge is for one user, ends after | challenge.TestChallengeOfAnotherUserIsToldFromAForgedOne challenge.TestChallengeExpires challenge.TestOfManySimultaneousSubmissionsOneIsGenuine
//	With a `purpose`, a signature counts for that purpose only | challenge.TestChallengeIsGoodForItsPurposeOnly challenge.TestStormsOfPurposes
//	A challenge issued for one purpose is refused for another | challenge.TestWrongPurposeConsumesNothingInAnyStore challenge.TestForgedPurposeHashIsNotOurs
//	A purpose is never ignored: if challenges are off, a request with a purpose is refused | openapi.TestPurposeIsReadOrRefused challenge.TestPurposeWithoutChallengesIsRefused challenge.TestPurposeIsRequiredWhereYouSaySo
//	A challenge that was alive when the request came is accepted for a minute longer | challenge.TestSlowVerifierCostsNobodyTheChallengeForAMinute
//	How far "once" reaches depends on where consumed | challenge.TestLedgerKeepsToItsContract challenge.TestChallengeIsAnsweredOnceInTheWholeFleet
//	A client secret in `WECHAT_APPS` is valid for the apps that are listed with it | tokenserver.TestClientGetsTheTokensOfItsApps
//	For any other app, existing or not, the response is that for a wrong secret | tokenserver.TestRefusalDoesNotTellWhichAppsThereAre
//	A user's request concerns the app that the platform names | wiring.TestPlatformNamesTheAppOfAUser wiring.TestChallengesOfSeveralApps
//	access_tokens, the AppSecret, bearer tokens, client secrets | token.TestNothingWrittenHoldsASecret secret.TestNothingPrintsASecret
//	This also holds when a server echoes a request | verify.TestAnEchoBringsNoSecretBack token.TestAnEchoBringsNoSecretBack
//	The log shows the first and last four characters of an openid | openapi.TestQuestionIsLoggedWithoutItsSignature
//	The metrics have no secret and no openid | service.TestMetricsWhileCallsRun
//	A captured pair of result and signature is genuine for ever | challenge.TestCountersWithoutChallenges
//	A challenge counts once in each of them | challenge.TestMemoryRemembersAChallengeAsLongAsItShould
//	DynamoDB: let each role touch only its own keys | deploytest.TestRolesAllowWhatIsNeeded deploytest.TestAsDeployed
//	A counter that does not grow is written to the log, and the user passes | challenge.TestCounterMustGrow
//	A caller that the cloud allows to invoke it directly is trusted as your backend | verify.TestDirectInvocationOutsideCloudBase
//	On AWS, keep it in Secrets Manager | wiring.TestEverySecretMayBeKeptInSecretsManager
//	Sizes and times are bounded | verify.TestAnyEventFitsIntoASmallFunction openapi.TestAllocationsAreBounded platforms.TestHTTPBodyIsBounded
//	after five wrong signatures a challenge is refused without asking WeChat | challenge.TestSixthSignatureIsRefusedWithoutAsking challenge.TestOnlyWrongSignaturesAreFailures
//	Secrets are compared in constant time | secret.TestMatches secret.TestAGuessCostsTheSameAmongMany
//	Their keys are public | wiring.TestPublicCredentialsAreRefusedInFrontOfWeChat command.TestNothingListensForOthers loopback.TestOnly
//	In a message, every run of 16 or more characters | redact.TestSecretsOfAllAppsAreMaskedInEveryForm redact.TestRecordedMessagesPassUnchanged
//	Configured secrets that this rule would miss | redact.TestTheOperatorsSecretsAreLookedForWhole
//
//	docs/walkthrough.md
//	A signature for one order does not pay another | exampletest.TestSignatureIsGoodForItsOrderOnly exampletest.TestNoWrongPayment
//	an order that changes after it was signed stays unpaid | exampletest.TestOrderThatChangesWhileWeChatIsAsked
//	A second submission of a paid order gets the result of the first | exampletest.TestSecondSubmissionGetsTheFirstResult
//	the backend starts with it only if the functions are on loopback | exampletest.TestBackendForTheSandbox
//	The page has the phone sign only if the challenge is for the same purpose | exampletest.TestMiniProgram exampletest.TestPage
//
//	docs/callers.md
//	An unknown caller gets no access | function.TestOnlyAnAuthorizedInvocationIsABackends openapi.TestWhoCalls
//	the response is `-604104`, and the message says what is missing | trigger.TestRefusalNamesTheSource openapi.TestUnknownCallersBodyIsNotRead
//	Nothing that a client can write proves anything | verify.TestWhoMayCallWhatInACloudBaseEnvironment
//	The cloud has authorized the caller (IAM or CAM) before the function runs | verify.TestDirectInvocationOutsideCloudBase
//	One of `HTTP_BEARER_TOKENS` (`Authorization: Bearer …`) | verify.TestWhoMayCallWhatOverHTTP function.TestBearer
//	If the platform names a user for the same invocation, the caller is that user | verify.TestPageAsksOnlyAboutItsOwnUser token.TestPageGetsNoToken
//	With `HTTP_AUTH=wechat` this applies to the user in `X-WX-OPENID` | service.TestAUserBehindWeChatGetsNothingFromASecret
//	`HTTP_AUTH=platform` proves nothing by itself | verify.TestWhoMayCallWhatOverHTTP
//	There, the last hop of `TCB_SOURCE` must be one that only a backend can be | trigger.TestCallerIsWhomThePlatformNames
//	A function counts as running there as soon as any variable | trigger.TestAnyVariableOfCloudBaseAsksForProof
//	If a user's page called that function, the platform passes the user on | trigger.TestCallerIsWhomThePlatformNames
//	(They ignore the event's member `userInfo`, which has the AppID.) | openapi.TestUnknownFieldsAreAllowed tokenserver.TestDirect
//	`HTTP_AUTH=platform` does not work here (`-604104`) | verify.TestWhoMayCallWhatOverHTTP
//	An event in a timer's format must come from a backend | verify.TestTimerInACloudBaseEnvironment
//	The response holds no token | tokenserver.TestTimerRenewsAndTellsNoToken
//	A request that names a user only by one of these is refused with `-604104` | verify.TestUserWithoutAnOpenIDOfThisApp trigger.TestUsersWhoseOpenIDIsNotThisApps
//	The token function takes `{}` or | verify.TestTokenIsGivenToItsOwnFormOnly tokenserver.TestDirectRefusals
//	An empty event is valid only at challenge | challenge.TestPageGetsAChallengeOfItsOwn
//	An event may have parts of a request or message | verify.TestForeignShapesAreRefusedAtEveryFunction verify.TestEventsOfOtherServicesGetNothing trigger.TestEachMarkOfARequestIsEnough
//	So it does with an event of more than 6 MiB, with more than 1,024 members | trigger.TestAnEventOfManyMembersIsNotTakenApart trigger.TestALongMemberIsNotKept
//	A request with more than 32 KiB of query is answered with status 400 | trigger.TestALongQueryIsRefused trigger.TestBodiesUpToTheLimitArriveWhole
//	A function determines the caller before it reads them | openapi.TestUnknownCallersBodyIsNotRead
//	Paths are exact, and spelt without percent-encoding | verify.TestPathsAreExact
//	The stage of an HTTP API that stands before the path is removed | trigger.TestStageIsTakenOffThePathOfHTTPAPIs
//	For what else a gateway leaves there | function.TestPathsBehindABase
//	A path under `/cgi-bin/`, `/wxa/` or `/sns/` | verify.TestPathsAreExact function.TestHTTPDoors
func TestEveryPromiseHasItsTest(t *testing.T) {
	own, err := os.ReadFile("promises_test.go")
	require.NoError(t, err)
	tests := testsByPackage(t)
	document, checked := "", 0
	for line := range strings.Lines(string(own)) {
		line, isTable := strings.CutPrefix(strings.TrimSpace(line), "//\t")
		if !isTable {
			continue
		}
		sentence, holders, isPromise := strings.Cut(line, " | ")
		if !isPromise {
			text, err := os.ReadFile("../" + line)
			require.NoError(t, err)
			document = strings.Join(strings.Fields(string(text)), " ")
			continue
		}
		checked++
		assert.Contains(t, document, sentence)
		for holder := range strings.FieldsSeq(holders) {
			assert.True(t, tests[holder], "there is no test %s, for: %s", holder, sentence)
		}
	}
	require.Greater(t, checked, 50)
}

// testsByPackage has all tests, by the folder of their package and their name. Two
// folders of one name are not told apart.
func testsByPackage(t *testing.T) map[string]bool {
	t.Helper()
	all, declared := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, pattern := range []string{"../internal/*/*_test.go", "../internal/*/*/*_test.go", "../functions/*/*_test.go", "../scripts/*/*_test.go", "../scripts/*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range declared.FindAllSubmatch(text, -1) {
				all[filepath.Base(filepath.Dir(file))+"."+string(match[1])] = true
			}
		}
	}
	return all
}
