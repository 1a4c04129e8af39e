#!/usr/bin/env node
// Publishes an e-mail for one person: publish.js USER_ID. Needs amqplib and HERALD__BROKER__URL.
"use strict";

const amqp = require("amqplib");

const EXCHANGE = "herald.notifications";
const LANE = "email.normal";

async function publish(userId) {
  const envelope = {
    version: 1,
    user_id: userId,
    channel: "email",
    priority: "normal",
    idempotency_key: "order-A-17-shipped-node",
    content: { subject: "Order A-17", body: "Your order A-17 is on its way." },
  };
  const properties = {
    contentType: "application/json",
    persistent: true, // survives a restart of RabbitMQ
    mandatory: true,
    headers: { timestamp_in_ms: Date.now() },
  };
  const connection = await amqp.connect(process.env.HERALD__BROKER__URL);
  try {
    const channel = await connection.createConfirmChannel();
    let isReturned = false; // RabbitMQ returns a message before it confirms it
    channel.on("return", () => (isReturned = true));
    channel.publish(EXCHANGE, LANE, Buffer.from(JSON.stringify(envelope)), properties);
    await channel.waitForConfirms(); // rejects if RabbitMQ refused the message
    if (isReturned) {
      throw new Error(`no queue takes ${LANE}: has a node of Herald consumed this lane?`);
    }
    console.log(`published to ${LANE}`);
  } finally {
    await connection.close();
  }
}

if (process.argv.length !== 3) {
  console.error("publish.js USER_ID");
  process.exit(2);
}
publish(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
