SET search_path TO notification_schema;

-- The one spelling of an address, as `domain::address` makes it; NULL where that cannot be told here (a domain
-- beyond ASCII needs IDNA, a local part beyond Western Europe the tables of Unicode), or where it is no address.
-- Nothing depends on the database's locale.
CREATE FUNCTION spelt_address(channel text, address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    blank CONSTANT text := E' \t\n\u000b\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';
    marks CONSTANT text := E'\u200e\u200f\u202a\u202b\u202c\u202d\u202e';
    atoms CONSTANT text := E'^[a-z0-9!#$%&''*+/=?^_`{|}~\u00df-\u00f6\u00f8-\u00ff-]+([.][a-z0-9!#$%&''*+/=?^_`{|}~\u00df-\u00f6\u00f8-\u00ff-]+)*$';
    said text := btrim(address, blank);
    parts text[];
    local text;
    domain text;
BEGIN
    IF channel = 'sms' THEN
        said := btrim(btrim(said, marks), blank);
        -- The zero of calls within the country.
        said := regexp_replace(said, '[(] *0 *[)]', '');
        said := translate(said, E' -.()/\u00a0\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2010\u2011\u2012\u2013\u2014\u2015', '');
        RETURN CASE WHEN said COLLATE "C" ~ '^[+][1-9][0-9]{1,14}$' THEN said END;
    END IF;
    IF channel <> 'email' THEN
        RETURN CASE WHEN said COLLATE "C" ~ '^[!-~]{1,}$' AND octet_length(said) <= 2048 THEN said END;
    END IF;
    parts := regexp_match(said, '^(.*)@([^@]*)$');
    IF parts IS NULL THEN
        RETURN NULL;
    END IF;
    domain := lower(parts[2] COLLATE "C");
    IF octet_length(domain) > 253
       OR domain COLLATE "C" !~ '^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?[.])+[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$'
       OR domain COLLATE "C" ~ '(^|[.])[0-9]+$' THEN
        RETURN NULL;
    END IF;
    local := parts[1];
    IF local COLLATE "C" ~ '[^ -~]' THEN
        -- Western letters fold as they do everywhere; of others it is not known here.
        local := translate(normalize(local, NFC),
            'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞ', 'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ');
    END IF;
    local := lower(local COLLATE "C");
    IF local COLLATE "C" ~ '^".*"$' AND length(local) > 2 AND local COLLATE "C" !~ '^".*["\\].*"$' THEN
        -- Without the quotes that it does not need.
        IF substr(local, 2, length(local) - 2) COLLATE "C" ~ atoms THEN
            local := substr(local, 2, length(local) - 2);
        ELSIF local COLLATE "C" ~ '[^ -~]' THEN
            RETURN NULL;
        END IF;
    ELSIF local COLLATE "C" !~ atoms THEN
        RETURN NULL;
    END IF;
    RETURN CASE WHEN octet_length(local) <= 64 AND octet_length(local) + 1 + octet_length(domain) <= 254
        THEN local || '@' || domain END;
END
$$;

-- What is spelt for sure is stored so. The engine spells by itself, and knows more; of others nothing is stored
-- that might never match.
CREATE OR REPLACE FUNCTION spell_suppression() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    spelt text := notification_schema.spelt_address(NEW.channel, NEW.address);
BEGIN
    IF spelt IS NULL AND current_user <> 'herald_notifications' THEN
        RAISE EXCEPTION 'the suppression list cannot spell this address in SQL: it would never match'
            USING ERRCODE = 'check_violation', TABLE = 'suppressions', COLUMN = 'address',
                HINT = 'Write the entry with `herald apply` ([[suppressions]]), which knows every spelling and says what is wrong. In SQL, write an e-mail address bare (no < >, no dot at the end), its domain in ASCII (xn--...), and a number as +4915112345678.';
    END IF;
    NEW.address := coalesce(spelt, NEW.address);
    RETURN NEW;
END
$$;

-- What stands there in another spelling gets its one; where both stand there, the stronger word stays. What
-- cannot be spelt here stays as it is, and `herald check` counts it.
DO $$
DECLARE
    entry record;
    kept uuid;
BEGIN
    FOR entry IN
        SELECT s.*, notification_schema.spelt_address(s.channel, s.address) AS spelt
        FROM notification_schema.suppressions s
        WHERE notification_schema.spelt_address(s.channel, s.address) <> s.address
    LOOP
        SELECT s.id INTO kept FROM notification_schema.suppressions s
        WHERE (s.tenant_id, s.channel, s.address) = (entry.tenant_id, entry.channel, entry.spelt);
        IF FOUND THEN
            UPDATE notification_schema.suppressions s
            SET reason = entry.reason, ends_at = entry.ends_at, accounts = entry.accounts
            WHERE s.id = kept AND s.ends_at IS NOT NULL
              AND (entry.ends_at IS NULL OR entry.ends_at > s.ends_at);
            DELETE FROM notification_schema.suppressions s WHERE s.id = entry.id;
        ELSE
            UPDATE notification_schema.suppressions s SET address = entry.spelt WHERE s.id = entry.id;
        END IF;
    END LOOP;
END
$$;

RESET search_path;
