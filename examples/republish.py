#!/usr/bin/env python3
"""Publishes rejected messages again: republish.py REASON, for example unknown_template.

Needs pika (pip install pika) and HERALD__BROKER__URL. Messages with another reason stay in the queue.
"""

import os
import sys

import pika

QUEUE = "herald.rejected"


def reason_and_lane(properties):
    """The reason and the lane, from our headers or from those of RabbitMQ's own dead letters."""
    headers = properties.headers or {}
    death = headers.get("x-death", [{}])[0]
    reason = headers.get("x-herald-reason", death.get("reason"))
    lane = headers.get("x-herald-lane") or death.get("routing-keys", [""])[0]
    return reason, lane


def main(wanted):
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["HERALD__BROKER__URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    others, published = [], 0
    while True:
        method, properties, body = channel.basic_get(QUEUE)
        if method is None:
            break
        reason, lane = reason_and_lane(properties)
        if reason != wanted:
            others.append(method.delivery_tag)
            continue
        copy = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=2,
            message_id=properties.message_id,  # it may be the idempotency key
        )
        channel.basic_publish("herald.notifications", lane, body, copy, mandatory=True)
        channel.basic_ack(method.delivery_tag)  # RabbitMQ has confirmed the copy
        published += 1
    for tag in others:
        channel.basic_nack(tag, requeue=True)
    connection.close()
    print(f"{published} published again, {len(others)} left")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
