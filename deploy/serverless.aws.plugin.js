'use strict';

// Makes the Serverless Framework at home with a Go program: `package` and
// `deploy` build the zips with scripts/package, and `invoke local`, which would
// want Docker, goes to scripts/local, where the function meets the sandbox.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

class GoFunctions {
  constructor(serverless, options) {
    this.serverless = serverless;
    this.options = options;
    this.hooks = {
      initialize: () => this.takeOverInvokeLocal(),
      'before:package:createDeploymentArtifacts': () => {
        this.wantAppId();
        this.go('./scripts/package');
      },
    };
  }

  // go runs a command of the repository, which is one folder above this service.
  go(command, args = [], input) {
    const { status, error } = spawnSync('go', ['run', command, ...args], {
      cwd: path.resolve(this.serverless.serviceDir, '..'),
      stdio: [input === undefined ? 'inherit' : 'pipe', command === './scripts/local' ? 'inherit' : 2, 'inherit'],
      input,
    });
    if (error || status !== 0) {
      throw new this.serverless.classes.Error(`go run ${command}: ${error ? error.message : `exit status ${status}`}`);
    }
  }

  // wantAppId refuses to make what could not work. `invoke local` needs none: it
  // has the sandbox's.
  wantAppId() {
    const { WECHAT_APPID: appId } = this.serverless.service.getFunction('verify').environment;
    if (!/^wx[0-9a-f]{16}$/.test(appId)) {
      throw new this.serverless.classes.Error('the AppID of the Mini Program is missing: --param appId=wx...');
    }
  }

  takeOverInvokeLocal() {
    const local = this.serverless.pluginManager.plugins.find((p) => p.constructor.name === 'AwsInvokeLocal');
    if (!local) return;
    const { service, serviceDir } = this.serverless;
    local.extendedValidate = async () => {};
    local.loadEnvVars = async () => {}; // scripts/local sets the variables: those of the sandbox
    local.invokeLocal = async () => {
      const { function: name, path: file, data } = this.options;
      const { timeout } = { ...service.provider, ...service.getFunction(name) };
      const args = ['invoke', '-platform', 'lambda', '-function', name, '-timeout', `${timeout}s`];
      if (data === undefined && file) args.push('-e', path.resolve(serviceDir, file));
      this.go('./scripts/local', args, data);
    };
  }
}

module.exports = GoFunctions;
