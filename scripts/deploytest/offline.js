'use strict';

// Loaded before the command line of CloudBase: each HTTPS request goes to the
// server at STAND_IN instead, with the host that it was meant for in x-meant-for,
// and nothing else leaves this computer.

const http = require('node:http');
const https = require('node:https');
const net = require('node:net');

const standIn = new URL(process.env.STAND_IN);

function redirected(options, callback) {
  return http.request({
    method: options.method,
    hostname: standIn.hostname,
    port: standIn.port,
    path: options.path || options.pathname + options.search,
    headers: { ...options.headers, 'x-meant-for': options.hostname || options.host },
  }, callback);
}

https.request = (target, options, callback) => {
  if (typeof target === 'string') target = new URL(target);
  if (typeof options === 'function') return redirected(target, options);
  return redirected(options ? { ...options, hostname: target.hostname, path: options.path || target.pathname } : target, callback);
};
https.get = (...args) => https.request(...args).end();

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function guarded(...args) {
  const options = net._normalizeArgs(Array.isArray(args[0]) ? args[0] : args)[0];
  if (options.path === undefined && options.host !== standIn.hostname) {
    throw new Error(`a connection to ${options.host}, which is not this computer`);
  }
  return connect.apply(this, args);
};
