# Runs moto's server on a port of loopback, which it prints, until its input ends.
# One request at a time: moto's items and conditions are not safe for several threads,
# where DynamoDB's are atomic.
import logging
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

application = DomainDispatcherApplication(create_backend_app)
one = threading.Lock()


def one_at_a_time(environ, start_response):
    with one:
        return application(environ, start_response)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
