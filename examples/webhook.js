#!/usr/bin/env node
// Takes webhooks at 127.0.0.1:PORT and prints what they tell: webhook.js PORT.
//
// Needs standardwebhooks (npm install standardwebhooks) and HERALD_WEBHOOK_SECRET, the whsec_... that
// POST /v1/webhooks answered.

"use strict";

const http = require("node:http");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const webhook = new Webhook(process.env.HERALD_WEBHOOK_SECRET);
const seen = new Set(); // a database's unique key, in earnest

function receive(request, body) {
  let event;
  try {
    // The raw bytes: JSON that was parsed and written again has another signature.
    event = webhook.verify(body, request.headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return 401;
    throw error;
  }
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) { // delivered at least once
    seen.add(id);
    console.log(event.type, event.data.id ?? "");
  }
  return 204;
}

const port = Number(process.argv[2]);
if (!port) {
  console.error("webhook.js PORT");
  process.exit(2);
}
http
  .createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => response.writeHead(receive(request, Buffer.concat(parts).toString())).end());
  })
  .listen(port, "127.0.0.1");
