-- What web workers may do about tickets for references, each as a function; they have no rights on the table.

-- Keep the tickets that one answer holds, for some seconds; those that ended go.
CREATE OR REPLACE FUNCTION identity.issue_tickets(
    for_subject text, of_layer text, of_feature text,
    digests bytea[], fields text[], positions integer[], life_s integer
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM identity.reference_ticket AS t WHERE t.expires_at < now();
    INSERT INTO identity.reference_ticket (digest, subject, layer, feature, field, position, expires_at)
    SELECT u.digest, for_subject, of_layer, of_feature, u.field, u.position, now() + make_interval(secs => life_s)
    FROM unnest(digests, fields, positions) AS u (digest, field, position);
END
$$;

-- Use a ticket up, and return what it stands for; nothing for one that is unknown, used, too old or another's.
CREATE OR REPLACE FUNCTION identity.take_ticket(given bytea, by_subject text)
RETURNS TABLE (layer text, feature text, field text, list_position integer)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DELETE FROM identity.reference_ticket AS t
WHERE t.digest = given AND t.subject = by_subject AND t.expires_at > clock_timestamp()
RETURNING t.layer, t.feature, t.field, t.position
$$;
