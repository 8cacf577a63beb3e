'use strict';

// Tells what Tencent's own deployment library would send. Reads the inputs of one
// component, as JSON, from stdin; prints the requests to the SCF API, as JSON.
// Nothing leaves this process: the library's transport is replaced by an answer
// from somebody who has no function yet and refuses nothing.

const fs = require('node:fs');
const { Capi } = require('@tencent-sdk/capi');
const { Scf } = require('tencent-component-toolkit');

const requests = [];
let created = false;

Capi.prototype.request = async (request) => {
  requests.push(request);
  switch (request.Action) {
    case 'GetFunction':
      return created
        ? { Response: { Status: 'Active', FunctionName: request.FunctionName, Namespace: request.Namespace } }
        : { Response: { Error: { Code: 'ResourceNotFound.Function', Message: 'there is none' } } };
    case 'CreateFunction':
      created = true;
      return { Response: {} };
    case 'ListTriggers':
      return { Response: { Triggers: [], TotalCount: 0 } };
    case 'CreateTrigger':
      return { Response: { TriggerInfo: {} } };
    default:
      return { Response: {} };
  }
};

console.log = () => {}; // the library reports its progress there

const inputs = JSON.parse(fs.readFileSync(0, 'utf8'));
new Scf({ SecretId: 'none', SecretKey: 'none' }, inputs.region).deploy(inputs).then(
  () => process.stdout.write(JSON.stringify(requests)),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
);
