SET search_path TO notification_schema;

CREATE OR REPLACE FUNCTION spell_suppression() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.address := CASE NEW.channel
        WHEN 'email' THEN lower(btrim(NEW.address, E' \t\r\n'))
        WHEN 'sms' THEN regexp_replace(NEW.address, '\(\s*0\s*\)|[[:space:]().\-/]', '', 'g')
        ELSE btrim(NEW.address, E' \t\r\n') END;
    RETURN NEW;
END
$$;

DROP FUNCTION spelt_address(text, text);

RESET search_path;
