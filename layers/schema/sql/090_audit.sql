-- The audit's chains (layers/audit). Records are appended here and nowhere else, and removed by audit.forget alone.

-- The digest of an algorithm; NULL of one that is unknown. Another algorithm is a line here and one in
-- layers/audit/chain.py; `audit.head.alg` then chooses it for the records from there on, and those before keep theirs.
-- It is neither STRICT nor given a search_path, so that PostgreSQL writes it into the loop below: a call costs twice
-- what the digest does.
CREATE OR REPLACE FUNCTION audit.digest(alg text, message bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE alg WHEN 'sha256' THEN sha256(message) END;

-- Append records to a chain and return the number of the last. The row of audit.head is locked to the end of the
-- transaction, so that the chain stays a line; the statement is one round trip, so that nobody holds it for long.
CREATE OR REPLACE FUNCTION audit.append(wanted text, bodies text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head audit.head;
    body text;
    now_ms timestamptz;
    stamp text;
    last_seq bigint;
    link bytea;
    hashes bytea[];
BEGIN
    SELECT * INTO STRICT head FROM audit.head AS h WHERE h.chain = wanted FOR NO KEY UPDATE;
    IF audit.digest(head.alg, '') IS NULL THEN
        RAISE EXCEPTION 'the audit has no algorithm %', head.alg;
    END IF;
    now_ms := date_trunc('milliseconds', clock_timestamp());
    stamp := E'\n' || to_char(now_ms AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || E'\n';
    last_seq := head.seq;  -- fields of a record cost more to set than variables
    link := head.hash;
    hashes := ARRAY[link];
    FOREACH body IN ARRAY bodies LOOP
        last_seq := last_seq + 1;
        link := audit.digest(head.alg, link || convert_to(last_seq || stamp || body, 'UTF8'));
        hashes := hashes || link;
    END LOOP;
    INSERT INTO audit.record (chain, seq, stored_at, alg, body, prev_hash, hash)
    SELECT wanted, head.seq + u.n, now_ms, head.alg, u.body, hashes[u.n], hashes[u.n + 1]
    FROM unnest(bodies) WITH ORDINALITY AS u (body, n);
    UPDATE audit.head AS h SET seq = last_seq, hash = link WHERE h.chain = wanted;
    RETURN last_seq;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.append, audit.digest FROM public;
GRANT EXECUTE ON FUNCTION audit.append TO onemap_audit;

-- The second lock: whoever may write the table by its grants may still not change it. Rows leave by audit.forget, which
-- says so for its transaction, and never before half a year (Cybersecurity Law, network logs).
CREATE OR REPLACE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tg_op = 'DELETE' AND current_setting('onemap.audit_forget', true) = 'on'
        AND old.stored_at < clock_timestamp() - interval '180 days'
    THEN
        RETURN old;
    END IF;
    RAISE EXCEPTION 'the audit is only ever appended to' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE OR REPLACE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.record
FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE OR REPLACE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.record
FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- Remove the records of a chain up to the last one that is older than `kept`, at most `rows_max` of them, and append a
-- checkpoint that says which: from there the rest of the chain is verified. Returns how many went.
CREATE OR REPLACE FUNCTION audit.forget(wanted text, kept interval, rows_max integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_seq bigint;
    last audit.record;
    went bigint;
BEGIN
    IF kept < interval '180 days' THEN
        RAISE EXCEPTION 'the audit is kept for 180 days at least, not %', kept USING ERRCODE = 'check_violation';
    END IF;
    PERFORM FROM audit.head AS h WHERE h.chain = wanted FOR NO KEY UPDATE;
    SELECT min(r.seq) INTO first_seq FROM audit.record AS r WHERE r.chain = wanted;
    -- The first record that is young enough stops it: a clock that went back leaves no hole in the chain.
    SELECT r.* INTO last FROM audit.record AS r
    WHERE r.chain = wanted AND r.seq < first_seq + rows_max AND r.seq < coalesce((
            SELECT min(y.seq) FROM audit.record AS y
            WHERE y.chain = wanted AND y.seq < first_seq + rows_max AND y.stored_at >= clock_timestamp() - kept
        ), first_seq + rows_max)
    ORDER BY r.seq DESC LIMIT 1;
    IF last.seq IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('onemap.audit_forget', 'on', true);
    DELETE FROM audit.record AS r WHERE r.chain = wanted AND r.seq <= last.seq;
    GET DIAGNOSTICS went = ROW_COUNT;
    PERFORM set_config('onemap.audit_forget', 'off', true);
    PERFORM audit.append(wanted, ARRAY[format(
        '{"action":"retention","at":"%s","decision":"allow","detail":{"first_seq":%s,"last_hash":"%s","last_seq":%s},"object":"audit/%s","row_count":%s,"subject_id":"onemap"}',
        to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        first_seq, encode(last.hash, 'hex'), last.seq, wanted, went
    )]);
    RETURN went;
END
$$;
REVOKE EXECUTE ON FUNCTION audit.forget, audit.refuse_change FROM public;
GRANT EXECUTE ON FUNCTION audit.forget TO onemap_owner;
