SET search_path TO notification_schema;

-- The language of messages to people of whom none is known.
ALTER TABLE tenants ADD COLUMN locale varchar(35);

-- Nodes hold it in memory with the tenant's other rules.
CREATE FUNCTION notify_tenant_changed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('herald_changes', format('rules:%s', NEW.id));
    RETURN NULL;
END
$$;

CREATE TRIGGER notice AFTER INSERT ON tenants FOR EACH ROW
    WHEN (NEW.locale IS NOT NULL) EXECUTE FUNCTION notify_tenant_changed();
CREATE TRIGGER notice_updated AFTER UPDATE ON tenants FOR EACH ROW
    WHEN (OLD.locale IS DISTINCT FROM NEW.locale) EXECUTE FUNCTION notify_tenant_changed();

RESET search_path;
