-- What moves has its own id, and hardly ever shares it with a thing of another layer: the track of one is found without
-- the layer. An entry is a quarter shorter, and to write a position takes a fifth less of the database.
DROP INDEX twin.position_track;
CREATE INDEX position_track ON twin.position (id, phenomenon_time);
