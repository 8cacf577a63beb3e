'use strict';

// Holds objects of Kubernetes, a JSON array on stdin, against the schemas of its
// API. Prints, as a JSON array, what is wrong with each; an empty text is nothing.

const fs = require('node:fs');

// watched is an object whose fields, at any depth, are in unread until the schema
// looks at them: one that it never looks at is unknown to it, which the schema
// itself lets pass.
function watched(object, path, unread) {
  if (object === null || typeof object !== 'object') return object;
  const fields = {};
  for (const name of Object.keys(object)) {
    unread.add(`${path}/${name}`);
    fields[name] = watched(object[name], `${path}/${name}`, unread);
  }
  return new Proxy(Array.isArray(object) ? Object.assign([], fields) : fields, {
    get(target, name) {
      unread.delete(`${path}/${String(name)}`);
      return target[name];
    },
  });
}

function problem(object) {
  try {
    const { [object.kind]: Model } = require(`kubernetes-models/${object.apiVersion}/${object.kind}`);
    const unread = new Set();
    const validated = watched(object, '', unread);
    Object.setPrototypeOf(validated, Model.prototype);
    Model.prototype.validate.call(validated);
    return unread.size > 0 ? `unknown: ${[...unread].join(' ')}` : '';
  } catch (error) {
    return error.message.split('\n')[0];
  }
}

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, 'utf8')).map(problem)));
