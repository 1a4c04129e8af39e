<?php
// Takes webhooks at 127.0.0.1:PORT and prints what they tell: php -S 127.0.0.1:PORT webhook.php.
//
// Needs PHP 8 and no library: this is all that there is to Standard Webhooks. HERALD_WEBHOOK_SECRET is the
// whsec_... that POST /v1/webhooks answered.

declare(strict_types=1);

const TOLERANCE = 300; // seconds that the clocks of both sides may differ, and that a delivery may be old

/** Whether these headers and this raw body come from somebody who has the secret, and just now. */
function verified(string $secret, array $headers, string $body): bool
{
    $id = $headers['webhook-id'] ?? '';
    $timestamp = $headers['webhook-timestamp'] ?? '';
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($id === '' || $key === false || !ctype_digit($timestamp)) {
        return false;
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE) {
        return false; // somebody may have recorded it
    }
    $right = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    // While a secret is rotated there are two signatures, with a space between them.
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $signature) {
        [$version, $value] = array_pad(explode(',', $signature, 2), 2, '');
        if ($version === 'v1' && hash_equals($right, $value)) {
            return true;
        }
    }
    return false;
}

$headers = [];
foreach (['id', 'timestamp', 'signature'] as $name) {
    $headers["webhook-$name"] = $_SERVER['HTTP_WEBHOOK_' . strtoupper($name)] ?? '';
}
// The raw bytes: JSON that was parsed and written again has another signature.
$body = file_get_contents('php://input');
if (!verified(getenv('HERALD_WEBHOOK_SECRET') ?: '', $headers, $body)) {
    http_response_code(401);
    return;
}
// Delivered at least once: a database's unique key on webhook-id tells what was seen.
$event = json_decode($body, true);
file_put_contents('php://stdout', $event['type'] . ' ' . ($event['data']['id'] ?? '') . "\n");
http_response_code(204);
