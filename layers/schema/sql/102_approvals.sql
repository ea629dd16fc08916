-- What web workers may do about approvals of exports, each as a function; they have no rights on the table.

-- Approve an export and return its number: the year here and the next number in it.
CREATE OR REPLACE FUNCTION identity.approve(
    for_subject text, by_subject text, of_layers text[], up_to_grade smallint, for_purpose text, until timestamptz
) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    this_year text := to_char(now() AT TIME ZONE 'Asia/Shanghai', 'YYYY');
    given text;
BEGIN
    LOCK TABLE identity.approval IN SHARE ROW EXCLUSIVE MODE;
    SELECT this_year || '-' || lpad((coalesce(max(split_part(a.number, '-', 2)::integer), 0) + 1)::text, 4, '0')
    INTO given FROM identity.approval AS a WHERE a.number LIKE this_year || '-%';
    INSERT INTO identity.approval (number, subject, approved_by, layers, max_grade, purpose, expires_at)
    VALUES (given, for_subject, by_subject, of_layers, up_to_grade, for_purpose, until);
    RETURN given;
END
$$;

-- The approval of a number, whether it counts still or not.
CREATE OR REPLACE FUNCTION identity.find_approval(wanted text)
RETURNS TABLE (
    number text, subject text, approved_by text, layers text[], max_grade smallint, purpose text,
    created_at timestamptz, expires_at timestamptz, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.number, a.subject, a.approved_by, a.layers, a.max_grade, a.purpose, a.created_at, a.expires_at, a.revoked_at
FROM identity.approval AS a WHERE a.number = wanted
$$;

-- The last approvals, the newest first.
CREATE OR REPLACE FUNCTION identity.approvals()
RETURNS TABLE (
    number text, subject text, approved_by text, layers text[], max_grade smallint, purpose text,
    created_at timestamptz, expires_at timestamptz, revoked_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT a.number, a.subject, a.approved_by, a.layers, a.max_grade, a.purpose, a.created_at, a.expires_at, a.revoked_at
FROM identity.approval AS a ORDER BY a.created_at DESC, a.number DESC LIMIT 500
$$;

-- End an approval; false when there is none of this number that counts.
CREATE OR REPLACE FUNCTION identity.revoke_approval(wanted text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
WITH revoked AS (
    UPDATE identity.approval AS a SET revoked_at = now() WHERE a.number = wanted AND a.revoked_at IS NULL RETURNING 1
)
SELECT EXISTS (SELECT FROM revoked)
$$;
