# client is what docs/central-token-server.md shows.
import os
import threading
import time

import requests
from wechatpy import WeChatClient
from wechatpy.exceptions import WeChatClientException


class CentralClient(WeChatClient):
    last = threading.local()  # token: of this thread's latest request

    @property
    def access_token(self):
        self.last.token = ''
        self.last.token = super().access_token
        return self.last.token

    def fetch_access_token(self):
        reply = requests.post(os.environ['TOKEN_SERVER'] + '/cgi-bin/stable_token', timeout=10, json={
            'grant_type': 'client_credential',
            'appid': self.appid,
            'secret': self.secret,
            'stale_token': self.last.token,  # if WeChat has refused it, the server replaces it
        }).json()
        if reply.get('errcode'):
            raise WeChatClientException(reply['errcode'], reply['errmsg'], client=self)
        self.session.set(self.access_token_key, reply['access_token'], reply['expires_in'])
        self.expires_at = int(time.time()) + reply['expires_in']
        self.last.token = reply['access_token']
        return reply


client = CentralClient(os.environ['APPID'], os.environ['CLIENT_SECRET'])
