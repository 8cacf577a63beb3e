#!/usr/bin/env python3
"""Makes one call of Tencent's API for SCF with tccli.

    python3 scf/call.py scf/verify/CreateFunction.json [options of tccli]

The file's name begins with the action, and the file is the request. In it, "${NAME}" stands
for a variable of the environment, and "${file:PATH}" for a file in base64, from the folder
above deploy. tccli reads the result from a file that only this user can read: an argument
would show the secrets to every user of this computer, and the code is too long for one.
"""
import base64
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def fill(value):
    if isinstance(value, dict):
        return {name: fill(member) for name, member in value.items()}
    if isinstance(value, list):
        return [fill(item) for item in value]
    reference = re.fullmatch(r'\$\{(file:)?([^}]+)\}', value) if isinstance(value, str) else None
    if not reference:
        return value
    is_file, name = reference.groups()
    if is_file:
        root = pathlib.Path(__file__).resolve().parents[2]
        return base64.b64encode((root / name).read_bytes()).decode()
    if not os.environ.get(name):
        sys.exit(f'{name} is not set')
    return os.environ[name]


def main(file, *options):
    file = pathlib.Path(file)
    request = fill(json.loads(file.read_text(encoding='utf-8')))
    with tempfile.TemporaryDirectory() as folder:
        filled = pathlib.Path(folder, 'request.json')
        filled.write_text(json.dumps(request), encoding='utf-8')
        action = file.name.split('.')[0]
        return subprocess.call(['tccli', 'scf', action, '--cli-input-json', f'file://{filled}', *options])


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
