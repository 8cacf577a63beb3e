#!/bin/sh
# Starts sotercall on 127.0.0.1, where only this container reaches it, and then your
# service. The arguments are your service's command:
#
#   COPY soter start.sh /sotercall/
#   RUN chmod 755 /sotercall/soter /sotercall/start.sh
#   ENTRYPOINT ["/sotercall/start.sh"]
#   CMD ["node", "server.js"]
#
# Your service finds the URL in SOTER_URL, and the token to send in SOTER_BEARER_TOKEN. The
# token is new with every start, and nobody else knows it. If one of the two ends, so does
# the container.
set -u
port=${SOTER_PORT:-9001}
SOTER_URL=http://127.0.0.1:$port
SOTER_BEARER_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export SOTER_URL SOTER_BEARER_TOKEN

HOST=127.0.0.1 PORT=$port HTTP_AUTH=bearer HTTP_BEARER_TOKENS=$SOTER_BEARER_TOKEN \
  ACCESS_TOKEN_MODE=${ACCESS_TOKEN_MODE:-none} "$(dirname "$0")/soter" &
soter=$!
"$@" &
service=$!

running() { kill -0 "$1" 2>/dev/null; }
trap 'kill -TERM "$service" 2>/dev/null' TERM INT

# A shell without bash's "wait -n" has to look.
while running "$soter" && running "$service"; do sleep 1; done

status=1 # sotercall must not end before the service
if ! running "$service"; then
  wait "$service"
  status=$?
fi
kill -TERM "$service" "$soter" 2>/dev/null
wait
exit "$status"
