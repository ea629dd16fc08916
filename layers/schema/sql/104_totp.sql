-- Put a sealed secret of one-time codes in the place of the plain one of an earlier version; the code is used already.
CREATE OR REPLACE FUNCTION identity.seal_totp(of_account bigint, present text, sealed text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
UPDATE identity.account AS a SET totp_secret = sealed WHERE a.id = of_account AND a.totp_secret = present
$$;
