SET search_path TO notification_schema;

-- An event may name a notification that it is not about.
--   misnamed    is why: another account sent that notification, or it went to another address. It is looked for by the
--               address then, like one that names none.
--   speaks_for  are the accounts of which the one that tells may speak besides itself, since their provider's calls are
--               proven by the same key; NULL is none.
ALTER TABLE email_logs ADD COLUMN misnamed text, ADD COLUMN speaks_for text[];
ALTER TABLE email_logs ADD CONSTRAINT email_logs_misnamed_check
    CHECK (misnamed IN ('other_account', 'other_address')) NOT VALID;

RESET search_path;
