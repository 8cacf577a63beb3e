'use strict';

// Takes an access_token from a central token server with node-easywechat, and asks
// WeChat's API with it; the second time, with the token from its cache.
const app = require('./central.js');

async function main() {
  for (let i = 0; i < 2; i++) {
    const response = await app.getClient().postJson('/cgi-bin/soter/verify_signature', JSON.parse(process.env.QUESTION));
    console.log(JSON.stringify(response.toObject()));
  }
}

main().catch((error) => console.log(error.message));
