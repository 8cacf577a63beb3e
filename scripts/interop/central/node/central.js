'use strict';

// app is what docs/central-token-server.md shows.
const { MiniApp } = require('node-easywechat');
const AccessToken = require('node-easywechat/dist/MiniApp/AccessToken');
const HttpClient = require('node-easywechat/dist/Core/HttpClient/HttpClient');

const config = { app_id: process.env.APPID, secret: process.env.CLIENT_SECRET };
const app = new MiniApp({ ...config, http: { baseURL: process.env.WECHAT_API } });
const server = HttpClient.create({ baseURL: process.env.TOKEN_SERVER });
app.setAccessToken(new AccessToken(config.app_id, config.secret, null, app.getCache(), server, true));

module.exports = app;
