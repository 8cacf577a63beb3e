#!/bin/sh
# Verifies a signature: exit status 0 genuine, 1 wrong, 2 no result.
#
#   SOTER_URL=https://… SOTER_BEARER_TOKEN=… sh verify.sh question.json
#
# question.json: {"openid":"…","purpose":"…","jsonString":"…","jsonSignature":"…"}
# purpose: the one that your backend had the challenge issued for.
# Never take it from a page. A login has none.
# The token goes to curl through a file descriptor, so that no list of processes shows it.
set -u
: "${SOTER_URL:?}" "${SOTER_BEARER_TOKEN:?}" "${1:?the file with the question}"

reply=$(printf 'header = "Authorization: Bearer %s"\n' "$SOTER_BEARER_TOKEN" |
  curl -sS --config - --max-time 15 -H 'Content-Type: application/json' --data-binary "@$1" \
    -w '\n%{http_code}' "$SOTER_URL/openapi/soter/verifySignature") || exit 2
status=${reply##*
}
answer=${reply%
*}

# A shell has no JSON of its own. The response to a genuine signature is always these bytes.
case $status$answer in
  '200{"isOk":true,"errMsg":"openapi.soter.verifySignature:ok","errCode":0}') echo genuine ;;
  '200{"isOk":false,'*',"errCode":0}') echo refused; exit 1 ;;
  *) echo "no verdict: status $status $answer" >&2; exit 2 ;;
esac
