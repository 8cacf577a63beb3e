"""Verifies a signature: exit status 0 genuine, 1 wrong, 2 no result.

    SOTER_URL=https://… SOTER_BEARER_TOKEN=… python3 verify.py question.json

question.json: {"openid":"…","purpose":"…","jsonString":"…","jsonSignature":"…"}
purpose: the one that your backend had the challenge issued for.
Never take it from a page. A login has none.
"""
import json
import os
import sys
import urllib.error
import urllib.request


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would take the token along, to whatever host a redirect names."""

    def redirect_request(self, *args):
        return None


def verify(openid, json_string, json_signature, purpose=None):
    """Raises if there is no result; that does not mean that the signature is wrong.

    json_string is resultJSON as the phone gave it: text, not parsed.
    """
    question = {"openid": openid, "jsonString": json_string, "jsonSignature": json_signature}
    if purpose is not None:
        question["purpose"] = purpose
    request = urllib.request.Request(
        os.environ["SOTER_URL"] + "/openapi/soter/verifySignature",
        json.dumps(question).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["SOTER_BEARER_TOKEN"]},
    )
    try:
        with urllib.request.build_opener(NoRedirect).open(request, timeout=15) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as err:
        raise RuntimeError(f"status {err.code}: {err.read(1000).decode(errors='replace')}") from None
    if type(answer["errCode"]) is not int or answer["errCode"] != 0 or not isinstance(answer["isOk"], bool):
        raise RuntimeError(answer.get("errMsg"))
    return answer["isOk"]


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            question = json.load(file)
        genuine = verify(question["openid"], question["jsonString"], question["jsonSignature"], question.get("purpose"))
    except Exception as err:  # whatever it is, it is no verdict
        print("no verdict:", repr(err), file=sys.stderr)
        return 2
    print("genuine" if genuine else "refused")
    return 0 if genuine else 1


sys.exit(main())
