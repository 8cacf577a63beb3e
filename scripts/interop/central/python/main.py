# Takes an access_token from a central token server with wechatpy, and makes WeChat's call
# with it: twice, or, given a number, so many times at once, and again after each line of
# input.
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from central import client
from wechatpy.exceptions import WeChatClientException

client.API_BASE_URL = os.environ['WECHAT_API'] + '/cgi-bin/'
request = json.loads(os.environ['QUESTION'])


def verify():
    try:
        reply = client.post('soter/verify_signature', data=request)
    except WeChatClientException as refused:
        return str(refused)
    return json.dumps(reply, separators=(',', ':'))


def storm(calls):
    together = Barrier(calls)

    def one(_):
        together.wait()
        return verify()

    with ThreadPoolExecutor(calls) as threads:
        replies = list(threads.map(one, range(calls)))
    genuine = sum('"is_ok":true' in reply for reply in replies)
    failed = sorted({reply for reply in replies if '"is_ok":true' not in reply})
    print(f'genuine={genuine} failed={failed}', flush=True)


if len(sys.argv) > 1:
    storm(int(sys.argv[1]))
    for _ in sys.stdin:
        storm(int(sys.argv[1]))
else:
    for _ in range(2):  # the second time, with the token that the client stores
        print(verify())
