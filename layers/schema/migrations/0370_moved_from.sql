-- What the newest position of a thing replaced, where that led to another area (twin/store/positions.py). The statement
-- that writes the position keeps it: to read it before, rows had to be locked out of their order.
ALTER TABLE twin.position_now ADD COLUMN moved_from jsonb;
COMMENT ON COLUMN twin.position_now.moved_from IS
'place and areas that the newest position replaced; NULL where the areas stayed the same';
