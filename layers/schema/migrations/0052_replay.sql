-- A message that was read and then refused is kept as we would write it, in CRS84, and not as its sender wrote it.
ALTER TABLE twin.refused ADD COLUMN canonical boolean NOT NULL DEFAULT false;
