\pset footer off
\echo What became of the notifications:
select status, coalesce(reason, '') as reason, message_type as channel, coalesce(provider, '') as provider, count(*)
from notifications
group by 1, 2, 3, 4
order by status <> 'sent', status, reason, channel, provider;

\echo What came in:
select channel, sum(consumed) as consumed, sum(accepted_api) as by_api, sum(duplicates) as duplicates, sum(rejected) as rejected
from intake
group by 1
order by 1;

\echo What providers told of the special messages:
select event, provider, count(*)
from email_logs
group by 1, 2
order by 1, 2;

\echo Deferred, and until when:
select reason, count(*), min(due_at) as first_due, max(due_at) as last_due
from notifications
where status = 'pending'
group by 1
order by 1;

\echo Sent in all, and how fast (from the first claim to the last acceptance):
select count(*) as sent,
  round(extract(epoch from max(sent_at) - min(created_at))::numeric, 1) as seconds,
  round((count(*) / nullif(extract(epoch from max(sent_at) - min(created_at)), 0))::numeric) as per_second,
  count(*) filter (where jsonb_array_length(attempts) > 1) as after_more_than_one_attempt
from notifications
where status = 'sent';
