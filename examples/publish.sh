#!/usr/bin/env bash
# Publishes an e-mail for one person: publish.sh USER_ID. Needs the program herald and HERALD__BROKER__URL.
set -euo pipefail

user_id="${1:?publish.sh USER_ID}"

# herald publish checks the message, publishes it as persistent and mandatory, and waits for the confirm.
herald publish - <<MESSAGE
{
  "version": 1,
  "user_id": "$user_id",
  "channel": "email",
  "priority": "normal",
  "idempotency_key": "order-A-17-shipped-shell",
  "content": { "subject": "Order A-17", "body": "Your order A-17 is on its way." }
}
MESSAGE
