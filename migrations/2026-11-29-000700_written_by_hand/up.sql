SET search_path TO notification_schema;

-- What somebody writes here by hand is said now: no older message changes it back. The engine says itself
-- when a thing was said, which may be twice the same moment.
CREATE FUNCTION said_now() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.recipient_as_of := now();
    RETURN NEW;
END
$$;

CREATE TRIGGER said_now BEFORE UPDATE ON users FOR EACH ROW
    WHEN (current_user <> 'herald_notifications'
          AND NEW.recipient_as_of IS NOT DISTINCT FROM OLD.recipient_as_of
          AND (NEW.email, NEW.username, NEW.phone, NEW.timezone, NEW.locale)
              IS DISTINCT FROM (OLD.email, OLD.username, OLD.phone, OLD.timezone, OLD.locale))
    EXECUTE FUNCTION said_now();

-- The list is looked up by an address's one spelling, whoever writes it.
CREATE FUNCTION spell_suppression() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.address := CASE NEW.channel
        WHEN 'email' THEN lower(btrim(NEW.address, E' \t\r\n'))
        WHEN 'sms' THEN regexp_replace(NEW.address, '\(\s*0\s*\)|[[:space:]().\-/]', '', 'g')
        ELSE btrim(NEW.address, E' \t\r\n') END;
    RETURN NEW;
END
$$;

CREATE TRIGGER spell BEFORE INSERT OR UPDATE OF address, channel ON suppressions
    FOR EACH ROW EXECUTE FUNCTION spell_suppression();

RESET search_path;
