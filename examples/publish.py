#!/usr/bin/env python3
"""Publishes an e-mail for one person: publish.py USER_ID. Needs pika and HERALD__BROKER__URL."""

import json
import os
import sys
import time

import pika

EXCHANGE = "herald.notifications"
LANE = "email.normal"


def main(user_id):
    envelope = {
        "version": 1,
        "user_id": user_id,
        "channel": "email",
        "priority": "normal",
        "idempotency_key": "order-A-17-shipped-python",
        "content": {"subject": "Order A-17", "body": "Your order A-17 is on its way."},
    }
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=2,  # survives a restart of RabbitMQ
        headers={"timestamp_in_ms": time.time_ns() // 1_000_000},
    )
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["HERALD__BROKER__URL"]))
    channel = connection.channel()
    channel.confirm_delivery()  # basic_publish waits for the confirm
    try:
        channel.basic_publish(EXCHANGE, LANE, json.dumps(envelope), properties, mandatory=True)
    except pika.exceptions.UnroutableError:
        sys.exit(f"no queue takes {LANE}: has a node of Herald consumed this lane?")
    except pika.exceptions.NackError:
        sys.exit("RabbitMQ refused the message: publish it again")
    connection.close()
    print(f"published to {LANE}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
