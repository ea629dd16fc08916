-- The secret word of this database's channels of notifications: every role of the server may LISTEN to a channel whose
-- name it knows, so the names are known to our roles alone (onemap.channel in layers/schema/sql/005_channels.sql).
CREATE TABLE onemap.channel_word (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    word text NOT NULL DEFAULT replace(gen_random_uuid()::text, '-', '')
);
INSERT INTO onemap.channel_word DEFAULT VALUES;
REVOKE ALL ON onemap.channel_word FROM public;
