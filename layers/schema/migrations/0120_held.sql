-- A message about a feature that does not exist is refused, or held until the feature appears; both know whom they are
-- about. What is held lies among the refused, because it can be looked at, put right and discarded just so.
ALTER TABLE twin.refused ADD COLUMN held boolean NOT NULL DEFAULT FALSE,
ADD COLUMN layer text,
ADD COLUMN feature_id text COLLATE "C";
CREATE INDEX refused_held ON twin.refused (layer, id) WHERE held AND replayed_at IS NULL AND discarded_at IS NULL;

ALTER TABLE twin.feed ADD COLUMN held bigint NOT NULL DEFAULT 0;
